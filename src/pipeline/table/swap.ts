import { randomUUID } from 'node:crypto';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type Backoff, waitBefore } from '../../lib/async/backoff.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import { createConditions } from './condition.ts';
import { callWithJson, refusalOf } from './json-call.ts';
import { patientBackoff } from './scan.ts';
import { type Change, type ChangeResult, createBatchSize, createSwapPlan } from './swap-plan.ts';

export interface SwapPorts {
  /** One attempt per call (`maxAttempts: 1`): the retries are here. */
  readonly dynamodb: DynamoDBClient;
  readonly clock: Clock;
  readonly random: Random;
}

export interface SwapOptions {
  readonly table: string;
  /** Every attribute name that is known to be in this table: a record that has one of them, but not in `expected`, is a conflict. */
  readonly attributeNames: ReadonlySet<string>;
  /** Called right before every call that writes; throws when the caller may not write any more (lease lost, stop, readings too old). */
  readonly mayWrite: () => void;
  readonly signal?: AbortSignal;
  readonly backoff?: Backoff;
}

export interface Swapper {
  /**
   * Writes each change if the record still is its expected version. The results are in the order of the changes. Several calls may
   * run at the same time, for different keys.
   *
   * A call to DynamoDB whose answer is lost is repeated. Within 10 minutes DynamoDB itself recognises the repeated transaction by its
   * token. Otherwise (a single write, or a later repetition) the same condition is checked again, in one step with the write: a
   * record that still is the expected version is written now, and one that is `next` already counts as done, because the table then
   * holds what the caller asked for, no matter who wrote it; the replaced version was saved by the caller before. Anything else is a
   * conflict.
   *
   * @throws RangeError when two changes have the same key or a version has another key than its change; ChangeRefusedError; the
   * error of `mayWrite`; `signal.reason`; DynamoDB's error when the attempts without progress are used up. After an error some of
   * the changes may be written.
   */
  swap(changes: readonly Change[]): Promise<readonly ChangeResult[]>;
}

/**
 * The only writer of production records: compare-and-swap in transactions of up to 100 changes. It keeps its batch size between
 * calls: contention (TransactionConflict) and throttling halve it, down to single conditional writes, and success doubles it.
 */
export function createSwapper({ dynamodb, clock, random }: SwapPorts, options: SwapOptions): Swapper {
  const { table, mayWrite, signal } = options;
  const backoff = options.backoff ?? { ...patientBackoff, clock, random };
  const conditions = createConditions(options.attributeNames);
  const batchSize = createBatchSize();

  return {
    async swap(changes) {
      if ((await dynamodb.config.maxAttempts()) !== 1)
        throw new Error(
          'The client of createSwapper must have maxAttempts 1: retries would hide whether a write was carried out',
        );
      const { attempts } = backoff;
      const plan = createSwapPlan(changes, { table, conditions, batchSize, attempts, newToken: randomUUID });
      for (;;) {
        const request = plan.next(clock.now());
        if (request === undefined) return plan.results();
        signal?.throwIfAborted();
        try {
          await callWithJson(dynamodb, request.operation, request.body, { beforeSend: mayWrite });
          plan.noteSuccess();
        } catch (error) {
          const failures = plan.noteError(error, error instanceof Error ? refusalOf(error) : undefined);
          if (failures > 0) await waitBefore(backoff, failures, signal);
        }
      }
    },
  };
}
