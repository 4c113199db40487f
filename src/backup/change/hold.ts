import {
  DeleteFunctionConcurrencyCommand,
  GetFunctionConcurrencyCommand,
  type LambdaClient,
  PutFunctionConcurrencyCommand,
} from '@aws-sdk/client-lambda';
import type { Clock } from '../../lib/clock.ts';
import type { HoldJob, JobStore } from './jobs.ts';

export interface HoldDeps {
  readonly lambda: LambdaClient;
  readonly jobs: JobStore;
  readonly clock: Clock;
}

const jobIdOf = (functionName: string) => `hold-${functionName}`;

/**
 * Sets the function's reserved concurrency to 0: nothing new starts, S3 events wait in Lambda's queue. What it was is on
 * record before, so that `releaseFunction` puts it back after a crash too. Holding a held function changes nothing.
 * Invocations under way go on: wait `drainMs` (the function's timeout) before taking the table for quiet.
 */
export async function holdFunction(deps: HoldDeps, functionName: string): Promise<HoldJob> {
  const kept = await deps.jobs.read(jobIdOf(functionName));
  let job = kept?.kind === 'hold' ? kept : undefined;
  if (job === undefined) {
    const now = await deps.lambda.send(new GetFunctionConcurrencyCommand({ FunctionName: functionName }));
    const reserved = now.ReservedConcurrentExecutions;
    job = {
      kind: 'hold',
      id: jobIdOf(functionName),
      functionName,
      ...(reserved !== undefined && { reservedBefore: reserved }),
      heldAt: deps.clock.now(),
    };
    await deps.jobs.write(job);
  }
  const zero = { FunctionName: functionName, ReservedConcurrentExecutions: 0 };
  await deps.lambda.send(new PutFunctionConcurrencyCommand(zero));
  return job;
}

/** Puts the function's reserved concurrency back to what it was before it was held; whether it was held. */
export async function releaseFunction(deps: HoldDeps, functionName: string): Promise<boolean> {
  const job = await deps.jobs.read(jobIdOf(functionName));
  if (job?.kind !== 'hold') return false;
  if (job.reservedBefore === undefined)
    await deps.lambda.send(new DeleteFunctionConcurrencyCommand({ FunctionName: functionName }));
  else
    await deps.lambda.send(
      new PutFunctionConcurrencyCommand({
        FunctionName: functionName,
        ReservedConcurrentExecutions: job.reservedBefore,
      }),
    );
  await deps.jobs.remove(job.id);
  return true;
}

/** Holds the function, lets invocations under way end (`drainMs`), does the work, and releases it whatever came of the work. */
export async function whileHeld<T>(
  deps: HoldDeps,
  held: { readonly functionName: string; readonly drainMs: number; readonly signal?: AbortSignal },
  work: () => Promise<T>,
): Promise<T> {
  await holdFunction(deps, held.functionName);
  try {
    await deps.clock.sleep(held.drainMs, held.signal);
    held.signal?.throwIfAborted();
    return await work();
  } finally {
    await releaseFunction(deps, held.functionName);
  }
}
