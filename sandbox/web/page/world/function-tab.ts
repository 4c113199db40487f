import { type ComponentChildren, h } from 'preact';
import { useState } from 'preact/hooks';
import { type JsonRecord, recordOf, recordsOf, textOf } from '../../../slack/rules/json.ts';
import { rows } from './rows.ts';

const MOST_INVOCATIONS = 50;
const ERROR_LINE = /ERROR|Error|Task timed out|Traceback|Runtime exited|signal: killed/;

const clock = (at: unknown) =>
  typeof at === 'number' ? new Date(at).toLocaleTimeString('en-GB', { hour12: false }) : '';

/** The deployed code, the invocations and the log. */
export function FunctionTab({
  deployed,
  invocations,
  log,
}: {
  deployed: JsonRecord;
  invocations: JsonRecord;
  log: JsonRecord;
}): ComponentChildren {
  const [onlyErrors, setOnlyErrors] = useState(false);
  const lines = recordsOf(log.lines).map(({ message }) => (textOf(message) ?? '').trimEnd());
  const shown = onlyErrors ? lines.filter((line) => ERROR_LINE.test(line)) : lines;
  const replies = Object.entries(recordOf(invocations.byReply));
  const last = recordsOf(invocations.last).slice(-MOST_INVOCATIONS).reverse();
  const facts = Object.entries(deployed).filter(([, value]) => typeof value === 'string' || typeof value === 'number');
  return h('div', { class: 'tab-body' }, [
    h('details', { class: 'dial-group' }, [
      h('summary', {}, 'Deployed code'),
      h(
        'dl',
        { class: 'record' },
        facts.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, String(value))]),
      ),
    ]),
    h(
      'p',
      { class: 'replies' },
      replies.length === 0
        ? 'Not invoked yet.'
        : replies.map(([reply, count]) =>
            h('span', { class: `reply-${reply}`, key: reply }, `${String(count)} ${reply}`),
          ),
    ),
    rows(
      'Invocations, newest first',
      ['At', 'ms', 'Reply', 'Image'],
      last.map(({ key, startedAt, endedAt, reply }) => [
        clock(startedAt),
        String(Math.round(Number(endedAt) - Number(startedAt))),
        String(reply),
        String(key),
      ]),
    ),
    h('label', { class: 'choice' }, [
      h('input', {
        type: 'checkbox',
        checked: onlyErrors,
        'data-only-errors': 'yes',
        onChange: () => setOnlyErrors(!onlyErrors),
      }),
      h('span', {}, 'Only errors'),
    ]),
    h(
      'pre',
      { class: 'log', tabIndex: 0, 'aria-label': 'Function log' },
      shown.join('\n') || (onlyErrors ? 'No error.' : 'The log is empty.'),
    ),
  ]);
}
