import type { Fault } from '../../pipeline/invoke/invocation.ts';
import { describeFunction } from '../../pipeline/invoke/ocr-function.ts';
import { createExecutions } from '../../pipeline/state-machine/executions.ts';
import type { Engine } from '../../run/engines/engine.ts';
import { imagesPerRow } from '../../run/engines/step-functions/child-type.ts';
import { createStepFunctionsEngine } from '../../run/engines/step-functions/engine.ts';
import { executionInput, toleratedRows } from '../../run/engines/step-functions/execution-input.ts';
import type { NewExecution } from '../../run/engines/step-functions/hands.ts';
import type { EngineControl } from '../../run/engines/step-functions/install.ts';
import { writeItems } from '../../run/engines/step-functions/items.ts';
import type { BotContext } from '../context.ts';

/** The engine that runs on AWS Step Functions. */
export function assembleStepFunctions(
  context: BotContext,
  { checkInstalled }: Pick<EngineControl, 'checkInstalled'>,
  readFault: (error: unknown) => Fault,
): Engine {
  const { settings, aws, runStore, manifests, warn, clock } = context;
  const bucket = settings.controlBucket;

  async function prepare(execution: NewExecution): Promise<object> {
    const { runId, name, lane, ceilingPerMinute, childType, maxConcurrency, most } = execution;
    const folder = `${settings.controlPrefix}runs/${runId}/executions/${name}/`;
    const { timeoutMs } = await describeFunction(aws.lambda, settings.ocrFunction);
    const items = { bucket, key: `${folder}items.json` };
    const written = await writeItems(
      {
        s3: aws.s3,
        ...items,
        target: context.invocations,
        laneOf: () => lane,
        imagesPerRow: imagesPerRow(ceilingPerMinute, childType, timeoutMs),
        most,
        signal: new AbortController().signal,
      },
      execution.images,
    );
    return executionInput({
      execution: name,
      runId,
      controlTable: settings.controlTable,
      functionName: settings.ocrFunction,
      imageBucket: settings.imageBucket,
      throttleLimit: settings.throttleLimit,
      items,
      results: { bucket, prefix: `${folder}results` },
      maxConcurrency,
      toleratedFailureCount: toleratedRows(written.rows, settings.breakerPercent),
    });
  }

  return createStepFunctionsEngine(
    {
      clock,
      pipeline: settings.ocrFunction,
      store: runStore,
      executions: createExecutions(aws.sfn, context.leases.runs.holds),
      manifest: manifests.read,
      machine: checkInstalled,
      prepare,
      readFault,
      warn,
    },
    async () => void (await checkInstalled()),
  );
}
