import { type ComponentChildren, h } from 'preact';
import { type JsonRecord, recordOf, recordsOf, textOf } from '../../slack/json.ts';
import { chart } from './chart.ts';
import { Element, type Surface } from './elements.ts';
import { mrkdwn, type Names, withEmoji } from './mrkdwn.ts';
import { richText } from './rich-text.ts';

/** A text object, by its kind. */
export const textNode = (value: unknown, names: Names): ComponentChildren => {
  const object = recordOf(value);
  const text = textOf(object.text) ?? '';
  return object.type === 'mrkdwn' ? mrkdwn(text, names) : withEmoji(text);
};

/** Blocks as Slack shows them. What is not known shows its JSON, never nothing. */
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
      return h('h3', {}, textNode(block.text, names));
    case 'divider':
      return h('hr', {});
    case 'context':
      return h(
        'div',
        { class: 'context' },
        recordsOf(block.elements).map((element) => contextPart(element, names)),
      );
    case 'actions':
      return h(
        'div',
        { class: 'actions', role: 'group', 'aria-label': 'Actions' },
        recordsOf(block.elements).map((element) =>
          h(Element, { key: textOf(element.action_id), element, block, surface }),
        ),
      );
    case 'input':
      return inputBlock(block, surface);
    case 'image':
      return h('figure', {}, [
        textOf(block.image_url)?.startsWith('/') || textOf(block.image_url)?.startsWith('data:')
          ? h('img', { src: textOf(block.image_url), alt: textOf(block.alt_text) ?? '' })
          : h('p', { class: 'quiet' }, `Picture: ${textOf(block.alt_text) ?? textOf(block.image_url) ?? ''}`),
      ]);
    case 'rich_text':
      return richText(block, names);
    case 'markdown':
      return h('div', {}, mrkdwn(textOf(block.text) ?? '', names));
    case 'table':
    case 'data_table':
      return table(block, names);
    case 'plan':
      return h('div', { class: 'plan' }, [
        h('h4', {}, textOf(block.title) ?? ''),
        h(
          'ol',
          {},
          recordsOf(block.tasks).map((task) => h('li', { key: textOf(task.task_id) }, taskCard(task, names))),
        ),
      ]);
    case 'task_card':
      return taskCard(block, names);
    case 'alert':
      return h(
        'p',
        { role: 'alert', class: `alert alert-${textOf(block.level) ?? 'default'}` },
        textNode(block.text, names),
      );
    case 'card':
      return h('div', { class: 'card' }, [
        block.title === undefined ? null : h('strong', {}, textNode(block.title, names)),
        block.subtitle === undefined ? null : h('p', {}, textNode(block.subtitle, names)),
        block.body === undefined ? null : h('p', {}, textNode(block.body, names)),
        h(
          'div',
          { class: 'actions' },
          recordsOf(block.actions).map((element) => h(Element, { element, block, surface })),
        ),
        block.subtext === undefined ? null : h('p', { class: 'quiet' }, textNode(block.subtext, names)),
      ]);
    case 'data_visualization':
      return chart(block);
    default:
      return h('pre', { class: 'unknown' }, JSON.stringify(block, null, 2));
  }
}

function section(block: JsonRecord, surface: Surface): ComponentChildren {
  const fields = recordsOf(block.fields);
  return h('div', { class: 'section' }, [
    h('div', { class: 'section-text' }, [
      block.text === undefined ? null : h('div', {}, textNode(block.text, surface.names)),
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

function inputBlock(block: JsonRecord, surface: Surface): ComponentChildren {
  const id = `${surface.id}-${textOf(block.block_id) ?? ''}`;
  const error = surface.errors?.[textOf(block.block_id) ?? ''];
  return h('div', { class: error === undefined ? 'input' : 'input has-error' }, [
    h('label', { for: id, id: `${id}-label` }, [
      textNode(block.label, surface.names),
      block.optional === true ? h('span', { class: 'quiet' }, ' (optional)') : null,
    ]),
    h(Element, {
      element: recordOf(block.element),
      block,
      surface,
      id,
      ...(error === undefined ? {} : { errorId: `${id}-error` }),
    }),
    error === undefined ? null : h('p', { class: 'error', id: `${id}-error`, role: 'alert' }, error),
    block.hint === undefined ? null : h('p', { class: 'quiet' }, textNode(block.hint, surface.names)),
  ]);
}

const contextPart = (element: JsonRecord, names: Names): ComponentChildren =>
  element.type === 'image'
    ? h('span', { class: 'quiet' }, textOf(element.alt_text) ?? '')
    : h('span', {}, textNode(element, names));

function table(block: JsonRecord, names: Names): ComponentChildren {
  const rows = Array.isArray(block.rows) ? block.rows : [];
  const settings = recordsOf(block.column_settings);
  const cell = (value: unknown): ComponentChildren => {
    const record = recordOf(value);
    if (record.type === 'rich_text') return richText(record, names);
    return textOf(record.text) ?? (record.value === undefined ? '' : String(record.value));
  };
  const align = (at: number) => ({ style: `text-align:${textOf(settings[at]?.align) ?? 'left'}` });
  const [head, ...others] = rows.map((row: unknown) => (Array.isArray(row) ? row : []));
  return h(
    'div',
    { class: 'table-frame', tabIndex: 0, role: 'region', 'aria-label': textOf(block.caption) ?? 'Table' },
    [
      h('table', {}, [
        textOf(block.caption) === undefined ? null : h('caption', {}, textOf(block.caption)),
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            (head ?? []).map((value: unknown, at: number) => h('th', { scope: 'col', ...align(at) }, cell(value))),
          ),
        ),
        h(
          'tbody',
          {},
          others.map((row, at) =>
            h(
              'tr',
              { key: at },
              row.map((value: unknown, column: number) => h('td', align(column), cell(value))),
            ),
          ),
        ),
      ]),
    ],
  );
}

const STATUS: Readonly<Record<string, string>> = { pending: '○', in_progress: '◔', complete: '✓', error: '✕' };

function taskCard(task: JsonRecord, names: Names): ComponentChildren {
  const status = textOf(task.status) ?? 'pending';
  return h('div', { class: `task task-${status}` }, [
    h('span', { class: 'task-status', role: 'img', 'aria-label': status.replace('_', ' ') }, STATUS[status] ?? '?'),
    h('div', {}, [
      h('span', { class: 'task-title' }, textOf(task.title) ?? ''),
      task.details === undefined ? null : h('div', { class: 'quiet' }, richText(recordOf(task.details), names)),
      task.output === undefined ? null : h('div', { class: 'task-output' }, richText(recordOf(task.output), names)),
    ]),
  ]);
}
