/**
 * Texts from outside (keys, error texts, names) are data (design, "Safety", 6). All of them pass through here before they are shown in
 * mrkdwn, so that no `<!channel>`, link or formatting in them takes effect.
 */

/** Escapes `& < >`, so that mentions and links in a text stay text. */
export const escapeMrkdwn = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Reverses `escapeMrkdwn`. */
export const unescapeMrkdwn = (text: string): string =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

/** At most `most` characters, the last one an ellipsis where something is cut; no character is cut in half. */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text;
  const kept = text.slice(0, Math.max(0, most - 1));
  return `${/[\uD800-\uDBFF]$/.test(kept) ? kept.slice(0, -1) : kept}…`;
}

// Line ends and control characters; direction overrides and invisible characters, which could make a text look like another.
export const UNSEEN = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu;

/** A text from outside as one line of code: line ends become spaces, backticks become quotes, the rest is cut to `most`. */
export function code(text: string, most = 300): string {
  const line = text.replaceAll('`', "'").replace(UNSEEN, ' ').replace(/\s+/g, ' ').trim();
  return line === '' ? '(empty)' : `\`${escapeMrkdwn(shorten(line, most))}\``;
}

/**
 * The text with no formatting that takes effect: the signs of a pair such as `*bold*`, and the first colon of `:name:`,
 * become signs that look alike. Names such as `a_b`, globs and ARNs stay as they are.
 */
export const withoutFormatting = (text: string): string =>
  text
    .replace(/(?<![\p{L}\p{N}*])\*([^*]+)\*(?![\p{L}\p{N}*])/gu, '\u2217$1\u2217')
    .replace(/(?<![\p{L}\p{N}_])_([^_]+)_(?![\p{L}\p{N}_])/gu, '\uff3f$1\uff3f')
    .replace(/(?<![\p{L}\p{N}~])~([^~]+)~(?![\p{L}\p{N}~])/gu, '\u223c$1\u223c')
    .replace(/(?<![\p{L}\p{N}]):(?=(?:[0-9_+'-]{0,30}[a-z][a-z0-9_+'-]{0,60}|[+-]1|100|1234):)/giu, '\ua789');

/** A sentence of a lower layer that may contain text from outside: one line without formatting, cut to `most`. */
export const sentence = (text: string, most = 500): string =>
  escapeMrkdwn(
    withoutFormatting(shorten(text.replaceAll('`', "'").replace(UNSEEN, ' ').replace(/\s+/g, ' ').trim(), most)),
  );

/** A mention where it is a user id of Slack's; anything else as text. */
export const mention = (person: string): string => (/^[UW][A-Z0-9]+$/.test(person) ? `<@${person}>` : code(person, 80));

export const mentionGroup = (group: string): string =>
  /^S[A-Z0-9]+$/.test(group) ? `<!subteam^${group}>` : code(group, 80);

/** A user or a user group, by the kind of its id. */
export const mentionWho = (id: string): string => (id.startsWith('S') ? mentionGroup(id) : mention(id));

export const linkChannel = (channel: string): string =>
  /^[CG][A-Z0-9]+$/.test(channel) ? `<#${channel}>` : code(channel, 80);

/** A link to a URL; only the label where it is not a valid URL. */
export const link = (url: string, label: string): string =>
  /^https?:\/\/[^\s<>|]+$/.test(url)
    ? `<${url}|${escapeMrkdwn(withoutFormatting(label))}>`
    : escapeMrkdwn(withoutFormatting(label));
