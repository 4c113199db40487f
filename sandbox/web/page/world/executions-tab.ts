import { type ComponentChildren, h } from 'preact';
import { type JsonRecord, recordOf, recordsOf, textOf } from '../../../slack/rules/json.ts';
import { countsText } from './map-run-counts.ts';
import { rows } from './rows.ts';

/** The state machines of the local Step Functions, and the newest executions with the counts of their Map Runs. */
export function ExecutionsTab({ executions: answer }: { executions: JsonRecord }): ComponentChildren {
  const machines = recordsOf(answer.stateMachines);
  const executions = recordsOf(answer.executions);
  return h('div', { class: 'tab-body' }, [
    h(
      'p',
      { class: 'quiet', 'data-machines': 'yes' },
      machines.length === 0
        ? 'No state machine is installed.'
        : `Installed: ${machines.map(({ name }) => textOf(name)).join(', ')}`,
    ),
    rows(
      'Executions, newest first',
      ['Execution', 'Status', 'Children', 'At once'],
      executions.flatMap((execution) => {
        const name = textOf(execution.name) ?? '';
        const redrives = Number(execution.redriveCount ?? 0);
        const status = `${textOf(execution.status) ?? ''}${redrives === 0 ? '' : `, redriven ${redrives}×`}`;
        const mapRuns = recordsOf(execution.mapRuns);
        if (mapRuns.length === 0) return [[name, status, textOf(execution.error) ?? '', '']];
        return mapRuns.map((mapRun) => [
          name,
          status,
          countsText(recordOf(mapRun.executionCounts)),
          Number(mapRun.maxConcurrency) === 0 ? 'no limit' : String(mapRun.maxConcurrency),
        ]);
      }),
    ),
  ]);
}
