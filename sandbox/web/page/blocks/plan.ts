import { type ComponentChildren, h } from 'preact';
import { type JsonRecord, recordOf, recordsOf, textOf } from '../../../slack/rules/json.ts';
import { withEmoji } from './emoji.ts';
import { linkNode, type Names } from './mrkdwn.ts';
import { richText } from './rich-text.ts';

const STATUS: Readonly<Record<string, string>> = {
  pending: 'to do',
  in_progress: 'under way',
  complete: 'complete',
  error: 'failed',
};

function statusSign(status: string): ComponentChildren {
  const stroke = { fill: 'none', stroke: 'currentColor', 'stroke-width': 1.8, 'stroke-linecap': 'round' };
  return h(
    'svg',
    {
      class: `task-status status-${status}`,
      viewBox: '0 0 18 18',
      role: 'img',
      'aria-label': STATUS[status] ?? status,
    },
    status === 'complete'
      ? [
          h('circle', { cx: 9, cy: 9, r: 8, fill: 'currentColor' }),
          h('path', { d: 'M5.4 9.3 8 11.8 12.6 6.6', class: 'knock-out' }),
        ]
      : status === 'error'
        ? [
            h('circle', { cx: 9, cy: 9, r: 8, fill: 'currentColor' }),
            h('path', { d: 'M6.2 6.2 11.8 11.8 M11.8 6.2 6.2 11.8', class: 'knock-out' }),
          ]
        : status === 'in_progress'
          ? [
              h('circle', { cx: 9, cy: 9, r: 7, ...stroke, opacity: 0.3 }),
              h('path', { d: 'M9 2a7 7 0 0 1 7 7', ...stroke, class: 'turning' }),
            ]
          : h('circle', { cx: 9, cy: 9, r: 7, ...stroke }),
  );
}

/** A task: its state as a symbol, its title and its output, with its details in an expandable part. */
export function taskCard(task: JsonRecord, names: Names): ComponentChildren {
  const status = textOf(task.status) ?? 'pending';
  const sources = recordsOf(task.sources);
  return h('div', { class: `task task-${status}` }, [
    statusSign(status),
    h('div', { class: 'task-body' }, [
      h('div', { class: 'task-title' }, withEmoji(textOf(task.title) ?? '')),
      task.output === undefined ? null : h('div', { class: 'task-output' }, richText(recordOf(task.output), names)),
      task.details === undefined
        ? null
        : h('details', { class: 'task-details' }, [
            h('summary', {}, 'Details'),
            richText(recordOf(task.details), names),
          ]),
      sources.length === 0
        ? null
        : h(
            'div',
            { class: 'task-sources' },
            sources.map((source) =>
              linkNode(textOf(source.url) ?? '', textOf(source.text) ?? textOf(source.url) ?? '', names),
            ),
          ),
    ]),
  ]);
}

/** A plan: the number of completed tasks, and each task. */
export function plan(block: JsonRecord, names: Names): ComponentChildren {
  const tasks = recordsOf(block.tasks);
  const done = tasks.filter(({ status }) => status === 'complete').length;
  return h('div', { class: 'plan', role: 'group', 'aria-label': textOf(block.title) ?? 'Plan' }, [
    h('header', {}, [
      h('h2', {}, withEmoji(textOf(block.title) ?? '')),
      tasks.length === 0 ? null : h('span', { class: 'quiet' }, `${done} of ${tasks.length}`),
    ]),
    h(
      'ol',
      {},
      tasks.map((task) => h('li', { key: textOf(task.task_id) }, taskCard(task, names))),
    ),
  ]);
}
