/** A mention, as Slack's client makes it of a name chosen from its list. */
const MENTION = /(<(?:@[UW]|#C)[A-Z0-9]+(?:\|[^<>]*)?>)/;

/**
 * What a person typed as Slack's client sends it: `& < >` as entities, mentions as they are (docs.slack.dev, "Formatting
 * message text", Escaping text). Messages and the text of commands alike; apps turn it back.
 */
export const asSent = (typed: string): string =>
  typed
    .split(MENTION)
    .map((part) => (MENTION.test(part) ? part : escaped(part)))
    .join('');

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
