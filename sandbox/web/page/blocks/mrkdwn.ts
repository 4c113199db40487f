import { type ComponentChildren, h } from 'preact';
import { slackDate } from './dates.ts';
import { withEmoji } from './emoji.ts';

/** The people and channels that a text may mention, and the handler of its links. */
export interface Names {
  readonly user: (id: string) => string | undefined;
  readonly channel: (id: string) => string | undefined;
  readonly group: (id: string) => string | undefined;
  /** Shows the message of a permalink of this workspace. Returns false for other addresses. */
  readonly follow?: (url: string) => boolean;
}

const unescaped = (text: string): string =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

/** Code, `<…>`, bare addresses, and text between pairs of `*`, `_` and `~`, with code inside. */
const INLINE =
  /`([^`\n]+)`|<([^<>\n]+)>|(https?:\/\/[^\s<>|]*[^\s<>|.,;:!?)'"*_~])|(?<![\p{L}\d*])\*(?!\s)((?:`[^`\n]+`|[^*\n])+?)(?<!\s)\*(?![\p{L}\d*])|(?<![\p{L}\d_])_(?!\s)((?:`[^`\n]+`|[^_\n])+?)(?<!\s)_(?![\p{L}\d_])|(?<![\p{L}\d~])~(?!\s)((?:`[^`\n]+`|[^~\n])+?)(?<!\s)~(?![\p{L}\d~])/gu;

/** Renders Slack's mrkdwn. Its contents are always text nodes, never HTML. */
export function mrkdwn(text: string, names: Names): ComponentChildren[] {
  return text.split(/```([\s\S]+?)```/).flatMap((part, index) => {
    if (index % 2 === 1) return [h('pre', { tabIndex: 0 }, unescaped(part.replace(/^\n/, '')))];
    // A line break next to a block belongs to the block.
    return lines(part.replace(/^\n/, index === 0 ? '\n' : '').replace(/\n$/, ''), names);
  });
}

const QUOTE = /^(?:&gt;|>) ?/;

function lines(text: string, names: Names): ComponentChildren[] {
  if (text === '') return [];
  const nodes: ComponentChildren[] = [];
  let quoted: string[] = [];
  let open = false;
  const endQuote = () => {
    if (quoted.length === 0) return;
    nodes.push(h('blockquote', {}, broken(quoted, names)));
    quoted = [];
    open = false;
  };
  for (const line of text.split('\n')) {
    if (QUOTE.test(line)) quoted.push(line.replace(QUOTE, ''));
    else {
      endQuote();
      if (open) nodes.push(h('br', {}));
      nodes.push(...inline(line, names));
      open = true;
    }
  }
  endQuote();
  return nodes;
}

const broken = (all: readonly string[], names: Names): ComponentChildren[] =>
  all.flatMap((line, at) => [...(at === 0 ? [] : [h('br', {})]), ...inline(line, names)]);

function inline(text: string, names: Names): ComponentChildren[] {
  const nodes: ComponentChildren[] = [];
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > at) nodes.push(...withEmoji(unescaped(text.slice(at, match.index))));
    at = match.index + match[0].length;
    const [, code, special, address, bold, italic, struck] = match;
    if (code !== undefined) nodes.push(h('code', {}, unescaped(code)));
    else if (special !== undefined) nodes.push(specialNode(special, names));
    else if (address !== undefined) nodes.push(linkNode(unescaped(address), unescaped(address), names));
    else if (bold !== undefined) nodes.push(h('strong', {}, inline(bold, names)));
    else if (italic !== undefined) nodes.push(h('em', {}, inline(italic, names)));
    else nodes.push(h('s', {}, inline(struck ?? '', names)));
  }
  if (at < text.length) nodes.push(...withEmoji(unescaped(text.slice(at))));
  return nodes;
}

export const mentionNode = (text: string, loud = false): ComponentChildren =>
  h('span', { class: loud ? 'mention loud' : 'mention' }, text);

/**
 * A link that opens in a new tab, or shows the message when it is a permalink of this workspace. Only http and mailto
 * become links.
 */
export function linkNode(url: string, label: ComponentChildren, names: Names): ComponentChildren {
  if (!/^(https?:\/\/|mailto:)/.test(url)) return label;
  return h(
    'a',
    {
      href: url,
      target: '_blank',
      rel: 'noreferrer noopener',
      onClick(event: Event) {
        if (names.follow?.(url)) event.preventDefault();
      },
    },
    label,
  );
}

/** `<@U…>`, `<#C…>`, `<!here>`, `<!date^…>`, `<https://…|label>`. */
function specialNode(inner: string, names: Names): ComponentChildren {
  const bar = inner.indexOf('|');
  const target = bar < 0 ? inner : inner.slice(0, bar);
  const label = bar < 0 ? undefined : unescaped(inner.slice(bar + 1));
  const id = target.slice(1);
  if (target.startsWith('@')) return mentionNode(`@${names.user(id) ?? label ?? id}`);
  if (target.startsWith('#')) return mentionNode(`#${names.channel(id) ?? label ?? id}`);
  if (target.startsWith('!date^')) {
    const [, seconds = '', format = '', link] = target.split('^');
    return dateNode({ seconds: Number(seconds || 'none'), format, fallback: label ?? target, link }, names);
  }
  if (target.startsWith('!subteam^')) {
    const group = target.slice('!subteam^'.length);
    return mentionNode(label ?? `@${names.group(group) ?? group}`);
  }
  if (target.startsWith('!')) return mentionNode(`@${id.split('^')[0]}`, true);
  if (/^(https?:\/\/|mailto:)/.test(target)) return linkNode(unescaped(target), label ?? unescaped(target), names);
  return `<${unescaped(inner)}>`;
}

/** A date in the reader's time zone, or the fallback text when it is not valid. */
export function dateNode(
  given: { seconds: number; format: string; fallback: string; link?: string | undefined },
  names: Names,
): ComponentChildren {
  const shown = slackDate(given.seconds, given.format, new Date());
  if (shown === undefined) return given.fallback;
  const node = h('time', { dateTime: new Date(given.seconds * 1000).toISOString(), title: given.fallback }, shown);
  return given.link === undefined ? node : linkNode(given.link, node, names);
}
