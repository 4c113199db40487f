import type { TableControl } from '../../checklist/contracts/table-control.ts';
import type { StepName } from '../../checklist/model/step.ts';
import type { PaceSetting } from '../../run/model/types.ts';
import type { StartStep } from '../actions/checklist-actions.ts';
import { runLoggingTest, runQuotas, runSample, type StepCommandPorts } from '../commands/checklist/step-commands.ts';
import type { DeployForms } from '../forms/deploy-forms.ts';
import type { TableForms } from '../forms/table-forms.ts';
import { tableRefusalMessage } from '../messages/table/table-refusals.ts';
import { type PlanningPorts, planAndShow } from './plan-requests.ts';
import type { ResultRequests } from './results/result-requests.ts';

/** What the button of each step does: the same as its command. */
export function stepStarters(ports: {
  tables: Pick<TableControl, 'backup'>;
  forms: Pick<TableForms, 'openFlush'>;
  planning: PlanningPorts;
  pace: PaceSetting;
  stepPorts: StepCommandPorts;
  deploys: Pick<DeployForms, 'openDeploy'>;
  results: Pick<ResultRequests, 'validate'>;
}): Readonly<Partial<Record<StepName, StartStep>>> {
  const { tables, forms, planning, stepPorts } = ports;
  return {
    async backup({ person, channel, noteOutcome }) {
      const started = await tables.backup({ by: person, location: { channel } });
      if (!started.ok) return tableRefusalMessage(started.refusal);
      noteOutcome?.(`begun: backup ${started.value.id}`);
      return undefined;
    },
    deploy: (click) => ports.deploys.openDeploy(click.triggerId, undefined, click),
    quotas: (click) => runQuotas(click, stepPorts),
    'test-logging': (click) => runLoggingTest(click, stepPorts),
    sample: (click) => runSample(click, stepPorts),
    flush: (click) => forms.openFlush(click.triggerId, { failedOnly: false }, click),
    validate: (click) => ports.results.validate({}, click),
    rescan: (click) => planAndShow({ selection: {}, paceSetting: ports.pace }, click, planning),
  };
}
