import { type ComponentChildren, h } from 'preact';

/** Who and what a text may mention. */
export interface Names {
  readonly user: (id: string) => string | undefined;
  readonly channel: (id: string) => string | undefined;
}

/** Signs that every system font has: no colour font is needed to read a message. */
const EMOJI: Readonly<Record<string, string>> = {
  warning: '⚠',
  white_check_mark: '✔',
  heavy_check_mark: '✔',
  x: '✘',
  white_circle: '○',
  hourglass_flowing_sand: '⌛',
  heavy_minus_sign: '−',
  robot_face: '⚙',
  lock: '⚿',
};

const unescaped = (text: string): string =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

/** Plain text with its emoji names as signs. */
export const withEmoji = (text: string): string =>
  text.replace(/:([a-z0-9_+-]+):/g, (whole, name: string) => EMOJI[name] ?? whole);

const INLINE =
  /```([\s\S]+?)```|`([^`\n]+)`|<([^<>]+)>|(?<![\p{L}\d*])\*([^*\n]+)\*(?![\p{L}\d*])|(?<![\p{L}\d_])_([^_\n]+)_(?![\p{L}\d_])|(?<![\p{L}\d~])~([^~\n]+)~(?![\p{L}\d~])/gu;

/** Slack's mrkdwn as nodes: everything that stands in it is text, whatever it looks like. */
export function mrkdwn(text: string, names: Names): ComponentChildren {
  return text
    .split(/(```[\s\S]+?```)/)
    .flatMap((part, index) =>
      part.startsWith('```')
        ? [h('pre', { key: index }, unescaped(part.slice(3, -3).replace(/^\n/, '')))]
        : part.split('\n').flatMap((line, at) => [...(at === 0 ? [] : [h('br', {})]), ...inQuote(line, names)]),
    );
}

function inQuote(line: string, names: Names): ComponentChildren[] {
  return line.startsWith('&gt;')
    ? [h('blockquote', {}, inline(line.slice(4).trimStart(), names))]
    : inline(line, names);
}

function inline(text: string, names: Names): ComponentChildren[] {
  const nodes: ComponentChildren[] = [];
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > at) nodes.push(withEmoji(unescaped(text.slice(at, match.index))));
    at = match.index + match[0].length;
    const [, fenced, code, special, bold, italic, struck] = match;
    if (fenced !== undefined) nodes.push(h('pre', {}, unescaped(fenced)));
    else if (code !== undefined) nodes.push(h('code', {}, unescaped(code)));
    else if (special !== undefined) nodes.push(specialNode(special, names));
    else if (bold !== undefined) nodes.push(h('strong', {}, inline(bold, names)));
    else if (italic !== undefined) nodes.push(h('em', {}, inline(italic, names)));
    else nodes.push(h('s', {}, inline(struck ?? '', names)));
  }
  if (at < text.length) nodes.push(withEmoji(unescaped(text.slice(at))));
  return nodes;
}

/** `<@U…>`, `<#C…>`, `<!here>`, `<!date^…>`, `<https://…|label>`. */
function specialNode(inner: string, names: Names): ComponentChildren {
  const [target = '', label] = inner.split('|');
  if (target.startsWith('@'))
    return h('span', { class: 'mention' }, `@${names.user(target.slice(1)) ?? target.slice(1)}`);
  if (target.startsWith('#'))
    return h('span', { class: 'mention' }, `#${names.channel(target.slice(1)) ?? label ?? target.slice(1)}`);
  if (target.startsWith('!date^')) return dateNode(target, label);
  if (target.startsWith('!subteam^')) return h('span', { class: 'mention' }, label ?? '@group');
  if (target.startsWith('!')) return h('span', { class: 'mention loud' }, `@${target.slice(1)}`);
  if (/^(https?|mailto):/.test(target))
    return h('a', { href: target, target: '_blank', rel: 'noreferrer noopener' }, unescaped(label ?? target));
  return `<${unescaped(inner)}>`;
}

function dateNode(target: string, label: string | undefined): ComponentChildren {
  const [, seconds = '0', format = ''] = target.split('^');
  const date = new Date(Number(seconds) * 1000);
  const time = date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  const shown = format.replace('{time}', time).replace(/\{date[a-z_]*\}/, date.toLocaleDateString());
  return h('time', { dateTime: date.toISOString(), title: label ?? '' }, shown);
}
