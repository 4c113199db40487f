/** A mention, in the format of Slack's client. */
const MENTION = /(<(?:@[UW]|#C)[A-Z0-9]+(?:\|[^<>]*)?>)/;

/**
 * Text that a person typed, as Slack's client sends it: `& < >` as entities, mentions unchanged (docs.slack.dev,
 * "Formatting message text", Escaping text). Applies to messages and to the text of commands; apps must decode it.
 */
export const asSent = (typed: string): string =>
  typed
    .split(MENTION)
    .map((part) => (MENTION.test(part) ? part : escaped(part)))
    .join('');

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
