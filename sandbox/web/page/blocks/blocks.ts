import { type ComponentChildren, h } from 'preact';
import { type JsonRecord, recordOf, recordsOf, textOf } from '../../../slack/rules/json.ts';
import { Element } from '../elements/element.ts';
import type { Surface } from '../elements/surface.ts';
import { chart } from './chart.ts';
import { mrkdwn, type Names } from './mrkdwn.ts';
import { picture } from './picture.ts';
import { plan, taskCard } from './plan.ts';
import { richText } from './rich-text.ts';
import { DataTable, tableNode } from './table.ts';
import { textNode, unknownNode } from './text.ts';

/** Renders blocks like Slack. An unknown block is shown as JSON. */
export const Blocks = ({ blocks, surface }: { blocks: readonly JsonRecord[]; surface: Surface }): ComponentChildren =>
  blocks.map((block, at) =>
    h(
      'div',
      { key: textOf(block.block_id) ?? at, class: `block block-${String(block.type)}` },
      blockNode(block, surface),
    ),
  );

function blockNode(block: JsonRecord, surface: Surface): ComponentChildren {
  const { names } = surface;
  switch (block.type) {
    case 'section':
      return section(block, surface);
    case 'header':
      return h('h2', { class: 'block-heading' }, textNode(block.text, names));
    case 'divider':
      return h('hr', {});
    case 'context':
      return h(
        'div',
        { class: 'context' },
        recordsOf(block.elements).map((element) => contextPart(element, names)),
      );
    case 'actions':
    case 'context_actions':
      return elements(block, block.elements, surface);
    case 'input':
      return inputBlock(block, surface);
    case 'image':
      return h('figure', { class: 'image' }, [
        block.title === undefined ? null : h('figcaption', {}, textNode(block.title, names)),
        picture(block, 'picture'),
      ]);
    case 'rich_text':
      return h('div', { class: 'rich-text' }, richText(block, names));
    case 'markdown':
      return h('div', { class: 'markdown' }, mrkdwn(textOf(block.text) ?? '', names));
    case 'table':
      return tableNode(block, names);
    case 'data_table':
      return h(DataTable, { block, names });
    case 'plan':
      return plan(block, names);
    case 'task_card':
      return h('div', { class: 'plan' }, taskCard(block, names));
    case 'alert':
      return h(
        'div',
        { role: 'alert', class: `alert alert-${textOf(block.level) ?? 'default'}` },
        textNode(block.text, names),
      );
    case 'card':
      return card(block, surface);
    case 'carousel':
      return h(
        'div',
        { class: 'carousel', tabIndex: 0, role: 'region', 'aria-label': 'Cards' },
        recordsOf(block.elements).map((one) => card(one, surface)),
      );
    case 'container':
      return h('details', { class: 'container', open: block.default_collapsed !== true }, [
        h('summary', {}, block.title === undefined ? 'More' : textNode(block.title, names)),
        h(Blocks, { blocks: recordsOf(block.child_blocks), surface }),
      ]);
    case 'data_visualization':
      return chart(block);
    default:
      return unknownNode(block);
  }
}

const elements = (block: JsonRecord, list: unknown, surface: Surface): ComponentChildren =>
  h(
    'div',
    { class: 'actions', role: 'group', 'aria-label': 'Actions' },
    recordsOf(list).map((element, at) => h(Element, { key: textOf(element.action_id) ?? at, element, block, surface })),
  );

function section(block: JsonRecord, surface: Surface): ComponentChildren {
  const fields = recordsOf(block.fields);
  return h('div', { class: 'section' }, [
    h('div', { class: 'section-text' }, [
      block.text === undefined ? null : h('div', { class: 'text' }, textNode(block.text, surface.names)),
      fields.length === 0
        ? null
        : h(
            'div',
            { class: 'fields' },
            fields.map((field, at) => h('div', { key: at }, textNode(field, surface.names))),
          ),
    ]),
    block.accessory === undefined
      ? null
      : h('div', { class: 'accessory' }, h(Element, { element: recordOf(block.accessory), block, surface })),
  ]);
}

function card(block: JsonRecord, surface: Surface): ComponentChildren {
  const { names } = surface;
  return h('div', { class: 'card' }, [
    block.hero_image === undefined ? null : picture(recordOf(block.hero_image), 'hero'),
    h('div', { class: 'card-head' }, [
      block.icon === undefined ? null : picture(recordOf(block.icon), 'icon-picture'),
      h('div', {}, [
        block.title === undefined ? null : h('strong', {}, textNode(block.title, names)),
        block.subtitle === undefined ? null : h('div', { class: 'quiet' }, textNode(block.subtitle, names)),
      ]),
    ]),
    block.body === undefined ? null : h('div', {}, textNode(block.body, names)),
    block.subtext === undefined ? null : h('div', { class: 'quiet' }, textNode(block.subtext, names)),
    block.actions === undefined ? null : elements(block, block.actions, surface),
  ]);
}

function inputBlock(block: JsonRecord, surface: Surface): ComponentChildren {
  const blockId = textOf(block.block_id) ?? '';
  const id = `${surface.id}-${blockId}`;
  const error = surface.errors?.[blockId];
  const hint = block.hint === undefined ? undefined : `${id}-hint`;
  const about = [...(error === undefined ? [] : [`${id}-error`]), ...(hint === undefined ? [] : [hint])].join(' ');
  return h('div', { class: error === undefined ? 'input' : 'input has-error', 'data-block': blockId }, [
    h('label', { for: id, id: `${id}-label` }, [
      textNode(block.label, surface.names),
      block.optional === true ? h('span', { class: 'quiet' }, ' (optional)') : null,
    ]),
    h(Element, {
      element: recordOf(block.element),
      block,
      surface,
      field: { id, invalid: error !== undefined, ...(about === '' ? {} : { describedBy: about }) },
    }),
    error === undefined ? null : h('p', { class: 'error', id: `${id}-error`, role: 'alert' }, error),
    hint === undefined ? null : h('p', { class: 'hint', id: hint }, textNode(block.hint, surface.names)),
  ]);
}

const contextPart = (element: JsonRecord, names: Names): ComponentChildren =>
  element.type === 'image'
    ? picture(element, 'context-picture')
    : element.type === 'mrkdwn' || element.type === 'plain_text'
      ? h('div', { class: 'context-text' }, textNode(element, names))
      : unknownNode(element);
