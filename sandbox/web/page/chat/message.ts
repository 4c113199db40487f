import { type ComponentChildren, h } from 'preact';
import { useErrorBoundary } from 'preact/hooks';
import { type JsonRecord, recordsOf, textOf } from '../../../slack/rules/json.ts';
import { Blocks } from '../blocks/blocks.ts';
import { emoji } from '../blocks/emoji.ts';
import { mrkdwn } from '../blocks/mrkdwn.ts';
import { threadKey, type Workspace } from '../workspace.ts';
import { avatar } from './avatar.ts';
import { commonSurface } from './common-surface.ts';
import { FileView } from './file-view.ts';

export interface MessageProps {
  readonly message: JsonRecord;
  readonly workspace: Workspace;
  readonly user: string;
  /** Prefix that keeps ids unique when a message is both in the channel and in the thread pane. */
  readonly pane: string;
  readonly onAnswer: (answer: JsonRecord) => void;
  /** Opens the thread. Undefined inside the thread pane. */
  readonly openThread?: ((ts: string) => void) | undefined;
  /** Hides an ephemeral message. */
  readonly dismiss: (ts: string) => void;
}

export const timeOf = (ts: string): Date => new Date(Number(ts.split('.')[0]) * 1000);
const clock = (date: Date) => date.toLocaleTimeString('en-US', { hour: 'numeric', minute: '2-digit' });

/** One message: author, time, content, files and the link to its thread. */
export function Message(props: MessageProps): ComponentChildren {
  const { message, workspace, openThread } = props;
  const ts = textOf(message.ts) ?? '';
  const author = textOf(message.userId) ?? '';
  const isApp = workspace.users.find(({ id }) => id === author)?.isBot === true;
  const fromSlack = message.fromSlack === true;
  const name = fromSlack ? 'Slackbot' : (workspace.names.user(author) ?? author);
  const isEphemeral = message.onlyFor !== undefined;
  const at = timeOf(ts);
  return h(
    'article',
    { class: isEphemeral ? 'message only-you' : 'message', 'data-ts': ts, 'aria-label': `${name}, ${clock(at)}` },
    [
      avatar(name, isApp && !fromSlack),
      h('div', { class: 'message-body' }, [
        isEphemeral ? h('p', { class: 'only-you-words' }, 'Only visible to you') : null,
        h('header', {}, [
          h('strong', { class: 'author' }, name),
          isApp ? h('span', { class: 'tag' }, 'APP') : null,
          h('time', { dateTime: at.toISOString(), title: at.toLocaleString('en-US') }, clock(at)),
          message.editedTs === undefined ? null : h('span', { class: 'edited' }, '(edited)'),
        ]),
        h(Content, props),
        recordsOf(message.files).map((file) => h(FileView, { key: textOf(file.id), file, workspace })),
        reactions(message),
        isEphemeral
          ? h('button', { type: 'button', class: 'link', onClick: () => props.dismiss(ts) }, 'Dismiss message')
          : null,
        openThread && !isEphemeral ? threadLink(props, () => openThread(ts)) : null,
      ]),
    ],
  );
}

/**
 * The blocks, or the text when there are none. When the blocks cannot be rendered, shows their JSON; other messages are
 * not affected.
 */
function Content({ message, workspace, user, pane, onAnswer }: MessageProps): ComponentChildren {
  const [failed] = useErrorBoundary((error) => console.error(error));
  const ts = textOf(message.ts) ?? '';
  if (failed) return h('pre', { class: 'unknown', tabIndex: 0 }, JSON.stringify(message, null, 2));
  const blocks = recordsOf(message.blocks);
  if (blocks.length === 0) {
    const text = textOf(message.text) ?? '';
    return text === '' ? null : h('div', { class: 'text' }, mrkdwn(text, workspace.names));
  }
  const surface = {
    ...commonSurface(workspace, user, onAnswer),
    id: `${pane}-m${ts.replace('.', '-')}`,
    place: { ts, channel: message.channelId },
  };
  return h(Blocks, { blocks, surface });
}

function reactions(message: JsonRecord): ComponentChildren {
  const all = recordsOf(message.reactions);
  if (all.length === 0) return null;
  return h(
    'div',
    { class: 'reactions' },
    all.map((reaction) =>
      h('span', { class: 'reaction', key: textOf(reaction.name) }, [
        emoji(textOf(reaction.name) ?? ''),
        ` ${Array.isArray(reaction.users) ? reaction.users.length : 1}`,
      ]),
    ),
  );
}

function threadLink({ message, workspace }: MessageProps, open: () => void): ComponentChildren {
  const replies = workspace.replies.get(threadKey(message.channelId, message.ts)) ?? [];
  const last = replies.at(-1);
  if (!last) return h('button', { type: 'button', class: 'link reply-link', onClick: open }, 'Reply in thread');
  const authors = [...new Set(replies.map(({ userId }) => textOf(userId) ?? ''))].slice(0, 3);
  return h('button', { type: 'button', class: 'thread-link', onClick: open }, [
    ...authors.map((id) =>
      avatar(
        workspace.names.user(id) ?? id,
        workspace.users.some((user) => user.id === id && user.isBot === true),
        'small',
      ),
    ),
    h('span', { class: 'count' }, `${replies.length} ${replies.length === 1 ? 'reply' : 'replies'}`),
    h('span', { class: 'quiet' }, `Last reply ${clock(timeOf(textOf(last.ts) ?? ''))}`),
  ]);
}
