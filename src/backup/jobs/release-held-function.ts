import {
  DeleteFunctionConcurrencyCommand,
  GetFunctionConcurrencyCommand,
  type LambdaClient,
  PutFunctionConcurrencyCommand,
} from '@aws-sdk/client-lambda';
import type { JobStore } from './job.ts';

/** What was done about a function that an older version of the bot had stopped. */
export type HeldFunction =
  /** Its reserved concurrency is again what it was; `undefined`: it has none. */
  | { readonly kind: 'released'; readonly functionName: string; readonly reservedConcurrency: number | undefined }
  /** Somebody has set its reserved concurrency since (`undefined`: removed it): that setting was not changed. */
  | { readonly kind: 'changed-since'; readonly functionName: string; readonly reservedConcurrency: number | undefined };

/**
 * Older versions of the bot set the function's reserved concurrency to 0 during a flush and kept the value from before in the
 * job store. This function puts that value back and removes the record, if there is one.
 * @returns what was done; undefined where the function is not held.
 * @throws the SDK's error; the record is kept then.
 */
export async function releaseHeldFunction(
  { lambda, jobs }: { readonly lambda: LambdaClient; readonly jobs: JobStore },
  functionName: string,
): Promise<HeldFunction | undefined> {
  const job = await jobs.read(`hold-${functionName}`);
  if (job?.kind !== 'hold') return undefined;
  const FunctionName = functionName;
  const now = await lambda.send(new GetFunctionConcurrencyCommand({ FunctionName }));
  if (now.ReservedConcurrentExecutions !== 0) {
    await jobs.remove(job.id);
    return { kind: 'changed-since', functionName, reservedConcurrency: now.ReservedConcurrentExecutions };
  }
  if (job.reservedBefore === undefined) await lambda.send(new DeleteFunctionConcurrencyCommand({ FunctionName }));
  else
    await lambda.send(
      new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: job.reservedBefore }),
    );
  await jobs.remove(job.id);
  return { kind: 'released', functionName, reservedConcurrency: job.reservedBefore };
}
