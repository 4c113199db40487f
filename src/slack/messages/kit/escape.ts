/**
 * What comes from outside (keys, error texts, names) is data (design, Safety 6). Everything that is shown in mrkdwn goes
 * through here, so that no `<!channel>`, link or formatting of a text from outside takes effect.
 */

/** `& < >` as Slack wants them: mentions and links inside stay text. */
export const escapeMrkdwn = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** What `escapeMrkdwn` made, as it was. */
export const unescapeMrkdwn = (text: string): string =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

/** At most `most` characters, the last one an ellipsis where something is missing; no character is cut in half. */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text;
  const kept = text.slice(0, Math.max(0, most - 1));
  return `${/[\uD800-\uDBFF]$/.test(kept) ? kept.slice(0, -1) : kept}…`;
}

// Line ends and control characters; direction overrides and invisible ones, with which a text could pose as another.
export const UNSEEN = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu;

/** A text from outside in one line of code type: line ends become spaces, backticks quotes, the rest is cut to `most`. */
export function code(text: string, most = 300): string {
  const line = text.replaceAll('`', "'").replace(UNSEEN, ' ').replace(/\s+/g, ' ').trim();
  return line === '' ? '(empty)' : `\`${escapeMrkdwn(shorten(line, most))}\``;
}

/** A sentence of the rooms below, in which words from outside may stand: one line, without any formatting, cut to `most`. */
export const sentence = (text: string, most = 500): string =>
  escapeMrkdwn(shorten(text.replaceAll('`', "'").replace(UNSEEN, ' ').replace(/\s+/g, ' ').trim(), most));

/** A mention, if it is an id of Slack's; anything else is shown as it is. */
export const mention = (person: string): string => (/^[UW][A-Z0-9]+$/.test(person) ? `<@${person}>` : code(person, 80));

export const mentionGroup = (group: string): string =>
  /^S[A-Z0-9]+$/.test(group) ? `<!subteam^${group}>` : code(group, 80);

/** A user or a user group, by the kind of its id. */
export const mentionWho = (id: string): string => (id.startsWith('S') ? mentionGroup(id) : mention(id));

export const linkChannel = (channel: string): string =>
  /^[CG][A-Z0-9]+$/.test(channel) ? `<#${channel}>` : code(channel, 80);

/** A link Slack itself gave; other texts stay texts. */
export const link = (url: string, label: string): string =>
  /^https?:\/\/[^\s<>|]+$/.test(url) ? `<${url}|${escapeMrkdwn(label)}>` : escapeMrkdwn(label);
