import { type ComponentChildren, h } from 'preact';
import { type JsonRecord, recordsOf, textOf } from '../../slack/json.ts';
import { Blocks } from './blocks.ts';
import { FileView } from './file-view.ts';
import { mrkdwn } from './mrkdwn.ts';
import type { Workspace } from './workspace.ts';

export interface MessageProps {
  readonly message: JsonRecord;
  readonly workspace: Workspace;
  readonly user: string;
  readonly onAnswer: (answer: JsonRecord) => void;
  /** Opens the thread; undefined where the message stands in it already. */
  readonly openThread?: (ts: string) => void;
}

export const timeOf = (ts: string): Date => new Date(Number(ts.split('.')[0]) * 1000);

/** One message: who, when, what, its files, and its thread. */
export function Message({ message, workspace, user, onAnswer, openThread }: MessageProps): ComponentChildren {
  const ts = textOf(message.ts) ?? '';
  const author = textOf(message.userId) ?? '';
  const blocks = recordsOf(message.blocks);
  const isBot = workspace.users.find(({ id }) => id === author)?.isBot === true;
  const replies = workspace.messages.filter(
    ({ threadTs, channelId, ts: own }) => threadTs === ts && own !== ts && channelId === message.channelId,
  );
  const name = message.fromSlack === true ? 'Slackbot' : (workspace.names.user(author) ?? author);
  const surface = {
    id: `m${ts.replace('.', '-')}`,
    place: { ts, channel: message.channelId },
    user,
    names: workspace.names,
    onAnswer,
  };
  return h('article', { class: message.onlyFor === undefined ? 'message' : 'message only-you', 'data-ts': ts }, [
    h('div', { class: isBot ? 'avatar app' : 'avatar', 'aria-hidden': 'true' }, name.slice(0, 1).toUpperCase()),
    h('div', { class: 'message-body' }, [
      h('header', {}, [
        h('strong', {}, name),
        isBot ? h('span', { class: 'tag' }, 'APP') : null,
        h('time', { dateTime: timeOf(ts).toISOString() }, timeOf(ts).toLocaleTimeString()),
        message.editedTs === undefined ? null : h('span', { class: 'quiet' }, '(edited)'),
        message.onlyFor === undefined ? null : h('span', { class: 'quiet' }, 'Only visible to you'),
      ]),
      blocks.length === 0
        ? h('div', { class: 'text' }, mrkdwn(textOf(message.text) ?? '', workspace.names))
        : h(Blocks, { blocks, surface }),
      recordsOf(message.files).map((file) => h(FileView, { key: textOf(file.id), file, workspace })),
      openThread && replies.length > 0
        ? h(
            'button',
            { type: 'button', class: 'thread-link', onClick: () => openThread(ts) },
            `${replies.length} ${replies.length === 1 ? 'reply' : 'replies'}`,
          )
        : null,
    ]),
  ]);
}
