import { type ComponentChildren, h } from 'preact';
import { type JsonRecord, recordOf, recordsOf, textOf } from '../../../slack/rules/json.ts';
import { emoji, withEmoji } from './emoji.ts';
import { dateNode, linkNode, mentionNode, type Names } from './mrkdwn.ts';

/** Renders a rich_text block or a part of one. An unknown part is shown as JSON. */
export function richText(block: JsonRecord, names: Names): ComponentChildren {
  return recordsOf(block.elements).map((element, key) => {
    const bordered = element.border === 1 ? 'bordered' : '';
    switch (element.type) {
      case 'rich_text_section':
        return h('div', { key, class: 'rich-section' }, inline(element, names));
      case 'rich_text_list': {
        const indent = typeof element.indent === 'number' ? element.indent : 0;
        const start = typeof element.offset === 'number' ? element.offset + 1 : 1;
        return h(
          element.style === 'ordered' ? 'ol' : 'ul',
          {
            key,
            class: `rich-list ${bordered}`,
            style: `margin-left:${indent * 24}px`,
            ...(start > 1 ? { start } : {}),
          },
          recordsOf(element.elements).map((item, at) => h('li', { key: at }, inline(item, names))),
        );
      }
      case 'rich_text_preformatted':
        return h('pre', { key, tabIndex: 0 }, inline(element, names));
      case 'rich_text_quote':
        return h('blockquote', { key, class: bordered }, inline(element, names));
      default:
        return h('pre', { key, class: 'unknown' }, JSON.stringify(element, null, 2));
    }
  });
}

function inline(section: JsonRecord, names: Names): ComponentChildren {
  return recordsOf(section.elements).map((element) => styled(part(element, names), recordOf(element.style)));
}

function part(element: JsonRecord, names: Names): ComponentChildren {
  switch (element.type) {
    case 'text':
      return withBreaks(textOf(element.text) ?? '');
    case 'emoji':
      return emoji(textOf(element.name) ?? '');
    case 'user': {
      const id = textOf(element.user_id) ?? '';
      return mentionNode(`@${names.user(id) ?? id}`);
    }
    case 'usergroup': {
      const id = textOf(element.usergroup_id) ?? '';
      return mentionNode(`@${names.group(id) ?? id}`);
    }
    case 'channel': {
      const id = textOf(element.channel_id) ?? '';
      return mentionNode(`#${names.channel(id) ?? id}`);
    }
    case 'broadcast':
      return mentionNode(`@${textOf(element.range) ?? 'here'}`, true);
    case 'link': {
      const url = textOf(element.url) ?? '';
      return linkNode(url, textOf(element.text) ?? url, names);
    }
    case 'date':
      return dateNode(
        {
          seconds: Number(element.timestamp),
          format: textOf(element.format) ?? '',
          fallback: textOf(element.fallback) ?? textOf(element.format) ?? '',
          link: textOf(element.url),
        },
        names,
      );
    case 'color': {
      const value = textOf(element.value) ?? '';
      const colour = /^#[0-9a-f]{6}$/i.test(value)
        ? h('span', { class: 'swatch', style: `background:${value}` })
        : null;
      return [value, ' ', colour];
    }
    default:
      return h('code', {}, JSON.stringify(element));
  }
}

const withBreaks = (text: string): ComponentChildren =>
  text.split('\n').flatMap((line, at) => [...(at === 0 ? [] : [h('br', {})]), ...withEmoji(line)]);

function styled(content: ComponentChildren, style: JsonRecord): ComponentChildren {
  let node = content;
  if (style.code === true) node = h('code', {}, node);
  if (style.bold === true) node = h('strong', {}, node);
  if (style.italic === true) node = h('em', {}, node);
  if (style.strike === true) node = h('s', {}, node);
  if (style.underline === true) node = h('u', {}, node);
  if (style.highlight === true) node = h('mark', {}, node);
  return node;
}
