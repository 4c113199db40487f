import { defined } from '../../lib/defined.ts';
import type { Warn } from '../../lib/warn-once.ts';
import { describeFunction } from '../../pipeline/invoke/ocr-function.ts';
import { createStateMachine, describeStateMachine, updateStateMachine } from '../../pipeline/state-machine/install.ts';
import { imagesPerRow } from '../../run/engines/step-functions/child-type.ts';
import { createEngineControl, type EngineControl } from '../../run/engines/step-functions/install.ts';
import type { InstalledMachine } from '../../run/plan/planner.ts';
import type { BotContext } from '../context.ts';

/** Shows and installs the state machine of runs on AWS Step Functions. */
export const assembleEngineControl = ({ settings, aws, runStore }: BotContext): EngineControl =>
  createEngineControl({
    engine: settings.runEngine,
    stateMachine: settings.stateMachine,
    roleArn: settings.stateMachineRole === '' ? undefined : settings.stateMachineRole,
    describeFunction: () => describeFunction(aws.lambda, settings.ocrFunction),
    describe: (arn) => describeStateMachine(aws.sfn, arn),
    create: (machine) => createStateMachine(aws.sfn, machine),
    update: (machine) => updateStateMachine(aws.sfn, machine),
    async openRunOnMachine() {
      const { openRunId } = await runStore.readOpen();
      const run = openRunId === undefined ? undefined : await runStore.read(openRunId);
      if (run?.plan.engine !== 'step-functions') return;
      const { runId, state, executionFacts } = run;
      const hasExecution = executionFacts !== undefined;
      return defined({
        runId,
        isRunning: state.kind === 'running',
        hasExecution,
        definition: executionFacts?.definition,
      });
    },
  });

/**
 * The state machine as the estimate of a plan needs it; undefined where there is none of this version of the bot, or it cannot be
 * read: an estimate is no reason to refuse a plan.
 */
export async function installedMachine(
  { report }: Pick<EngineControl, 'report'>,
  warn: Warn,
): Promise<InstalledMachine | undefined> {
  try {
    const { installation, functionTimeoutMs } = await report();
    if (installation.kind !== 'current') return;
    const { childType } = installation;
    return { childType, imagesPerRow: (pacePerMinute) => imagesPerRow(pacePerMinute, childType, functionTimeoutMs) };
  } catch (error) {
    warn('The state machine could not be read, so the plan has no cost of AWS Step Functions.', error);
    return;
  }
}
