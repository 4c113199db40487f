import { type ComponentChildren, h } from 'preact';
import { type JsonRecord, recordOf, recordsOf, textOf } from '../../slack/json.ts';
import { type Names, withEmoji } from './mrkdwn.ts';

/** A rich_text block or a part of one, as nodes. */
export function richText(block: JsonRecord, names: Names): ComponentChildren {
  return recordsOf(block.elements).map((element, key) => {
    switch (element.type) {
      case 'rich_text_section':
        return h('div', { key }, inline(element, names));
      case 'rich_text_list':
        return h(
          element.style === 'ordered' ? 'ol' : 'ul',
          { key },
          recordsOf(element.elements).map((item, at) => h('li', { key: at }, inline(item, names))),
        );
      case 'rich_text_preformatted':
        return h('pre', { key }, inline(element, names));
      case 'rich_text_quote':
        return h('blockquote', { key }, inline(element, names));
      default:
        return h('pre', { key }, JSON.stringify(element, null, 2));
    }
  });
}

function inline(section: JsonRecord, names: Names): ComponentChildren {
  return recordsOf(section.elements).map((element) => {
    const style = recordOf(element.style);
    const styled = (content: ComponentChildren): ComponentChildren => {
      let node = content;
      if (style.code === true) node = h('code', {}, node);
      if (style.bold === true) node = h('strong', {}, node);
      if (style.italic === true) node = h('em', {}, node);
      if (style.strike === true) node = h('s', {}, node);
      return node;
    };
    switch (element.type) {
      case 'text':
        return styled(withEmoji(textOf(element.text) ?? ''));
      case 'emoji':
        return withEmoji(`:${textOf(element.name) ?? ''}:`);
      case 'user': {
        const id = textOf(element.user_id) ?? '';
        return h('span', { class: 'mention' }, `@${names.user(id) ?? id}`);
      }
      case 'channel': {
        const id = textOf(element.channel_id) ?? '';
        return h('span', { class: 'mention' }, `#${names.channel(id) ?? id}`);
      }
      case 'link': {
        const url = textOf(element.url) ?? '';
        const label = textOf(element.text) ?? url;
        return /^(https?|mailto):/.test(url)
          ? h('a', { href: url, target: '_blank', rel: 'noreferrer noopener' }, label)
          : label;
      }
      default:
        return h('code', {}, JSON.stringify(element));
    }
  });
}
