import type { StoredMessage } from '../../client/chat.ts';
import { code, linkChannel } from '../kit/escape.ts';
import { LIMITS } from '../kit/limits.ts';

/** Why the bot cannot post in a channel, by Slack's error code. */
function describeClosure(slackError: string): string {
  switch (slackError) {
    case 'is_archived':
    case 'is_inactive':
      return 'it is archived';
    case 'not_in_channel':
      return 'the bot was removed from it. `/invite @rescan-bot` in that channel adds it again';
    case 'channel_not_found':
      return 'it was deleted, or it is private and the bot was removed from it';
    default:
      return slackError.startsWith('restricted_action')
        ? 'the workspace restricts who may post there'
        : `Slack answers ${code(slackError, 60)}`;
  }
}

/**
 * An alert of a channel in which the bot cannot post, as it is shown in another channel or as a direct message: with the
 * reason first. A direct message has no buttons, because the bot takes clicks in its channels only.
 */
export function alertElsewhere(
  { text, blocks }: StoredMessage,
  about: { readonly channel: string; readonly slackError: string; readonly isDirect: boolean },
): StoredMessage {
  const reason = [
    `The bot cannot post this alert in ${linkChannel(about.channel)}: ${describeClosure(about.slackError)}.`,
    ...(about.isDirect
      ? ['You get it because you started this. `/rescan status` in that channel shows what to do.']
      : []),
  ].join(' ');
  const kept = about.isDirect ? blocks.filter(({ type }) => type !== 'actions') : blocks;
  const note = { type: 'context', elements: [{ type: 'mrkdwn', text: reason }] };
  return { text: `${reason}\n${text}`, blocks: [note, ...kept].slice(0, LIMITS.blocks) };
}
