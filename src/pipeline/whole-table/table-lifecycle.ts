import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DeleteTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  ResourceInUseException,
  ResourceNotFoundException,
  type TableDescription,
  UpdateContinuousBackupsCommand,
  UpdateContributorInsightsCommand,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { type Backoff, isTransient, waitBefore, withBackoff } from '../../lib/async/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { errorName, errorText } from '../fault.ts';
import type { FullDescription } from './description.ts';

/** How the calls on a table as a whole are made. */
export interface LifecyclePorts {
  readonly dynamodb: DynamoDBClient;
  readonly clock: Clock;
  readonly backoff: Backoff;
  /** How often the state of the table is read while it changes, ms. */
  readonly pollMs: number;
  /** Asked before each call, reading ones included. @throws where this process may not go on. */
  readonly mayCall: () => void;
}

/** A table does not reach the state that is waited for. */
export class TableStateError extends Error {
  override readonly name = 'TableStateError';
}

/** DynamoDB needs seconds for a small table, and minutes at most; indexes of an empty table are there at once. */
const MAX_WAIT_MS = 20 * 60_000;
/** Right after a table was created, DynamoDB refuses these for a while. */
const NOT_YET = new Set(['ContinuousBackupsUnavailableException', 'ResourceInUseException', 'LimitExceededException']);

/** The table now; undefined where there is none. @throws the SDK's error. */
export async function findTable(ports: LifecyclePorts, TableName: string): Promise<TableDescription | undefined> {
  return withBackoff(ports.backoff, async () => {
    ports.mayCall();
    try {
      return (await ports.dynamodb.send(new DescribeTableCommand({ TableName }))).Table;
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return undefined;
      throw error;
    }
  });
}

async function waitUntil(
  ports: LifecyclePorts,
  name: string,
  isReached: (table: TableDescription | undefined) => boolean,
): Promise<TableDescription | undefined> {
  const until = ports.clock.now() + MAX_WAIT_MS;
  for (;;) {
    const table = await findTable(ports, name);
    if (isReached(table)) return table;
    if (ports.clock.now() > until)
      throw new TableStateError(`Table ${name} is still ${table?.TableStatus ?? 'missing'} after 20 minutes`);
    await ports.clock.sleep(ports.pollMs);
  }
}

/** Waits until the table and all of its indexes are ACTIVE. */
export const waitUntilActive = (ports: LifecyclePorts, name: string) =>
  waitUntil(
    ports,
    name,
    (table) =>
      table?.TableStatus === 'ACTIVE' &&
      (table.GlobalSecondaryIndexes ?? []).every(({ IndexStatus }) => IndexStatus === 'ACTIVE'),
  );

/** Waits until the table with this id is gone; a table of the same name that has another id is not waited for. */
export const waitUntilGone = (ports: LifecyclePorts, name: string, id: string) =>
  waitUntil(ports, name, (table) => table === undefined || table.TableId !== id);

/** Creates the table, if there is none of this name, and waits until it is ACTIVE. @throws the SDK's error. */
export async function createTable(ports: LifecyclePorts, input: CreateTableCommandInput): Promise<void> {
  const { TableName: name = '' } = input;
  if ((await findTable(ports, name)) === undefined)
    await withBackoff(ports.backoff, async () => {
      ports.mayCall();
      // After a lost reply the table is there: its description is compared afterwards.
      await ports.dynamodb.send(new CreateTableCommand(input)).catch((error: unknown) => {
        if (!(error instanceof ResourceInUseException)) throw error;
      });
    });
  await waitUntilActive(ports, name);
}

/**
 * Deletes the table with this id. Resolves when DynamoDB has accepted it; a lost reply is cleared up by reading the table.
 * @throws TableStateError where a table with another id is there; the SDK's error.
 */
export async function deleteTable(ports: LifecyclePorts, TableName: string, id: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const table = await findTable(ports, TableName);
    if (table === undefined || (table.TableId === id && table.TableStatus === 'DELETING')) return;
    if (table.TableId !== id) throw new TableStateError(`Table ${TableName} is not the one that was described`);
    ports.mayCall();
    try {
      await ports.dynamodb.send(new DeleteTableCommand({ TableName }));
      return;
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return;
      if (attempt >= ports.backoff.attempts || !(isTransient(error) || error instanceof ResourceInUseException))
        throw error;
    }
    await waitBefore(ports.backoff, attempt);
  }
}

/** Turns deletion protection on or off and waits until the table is ACTIVE. @throws the SDK's error. */
export async function setDeletionProtection(ports: LifecyclePorts, TableName: string, isOn: boolean): Promise<void> {
  const input = { TableName, DeletionProtectionEnabled: isOn };
  await withBackoff(ports.backoff, async () => {
    ports.mayCall();
    await ports.dynamodb.send(new UpdateTableCommand(input));
  });
  await waitUntilActive(ports, TableName);
}

/** Sets what `found` does not have of `wanted`: TTL, point-in-time recovery, contributor insights. @throws the SDK's error. */
export async function applySettings(
  ports: LifecyclePorts,
  TableName: string,
  wanted: FullDescription['settings'],
  found: FullDescription['settings'],
): Promise<void> {
  const { dynamodb, backoff } = ports;
  const apply = async (send: () => Promise<unknown>) => {
    for (let attempt = 1; ; attempt += 1) {
      ports.mayCall();
      try {
        await send();
        return;
      } catch (error) {
        // The reply to an earlier attempt was lost. Whoever calls this compares all settings afterwards.
        if (attempt > 1 && /already enabled/i.test(errorText(error))) return;
        if (attempt >= backoff.attempts || !(isTransient(error) || NOT_YET.has(errorName(error)))) throw error;
      }
      await waitBefore(backoff, attempt);
    }
  };
  const { timeToLive: AttributeName, pointInTimeRecovery: recovery } = wanted;
  if (AttributeName !== undefined && found.timeToLive !== AttributeName)
    await apply(() =>
      dynamodb.send(
        new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification: { Enabled: true, AttributeName } }),
      ),
    );
  if (recovery !== undefined && found.pointInTimeRecovery?.days !== recovery.days)
    await apply(() =>
      dynamodb.send(
        new UpdateContinuousBackupsCommand({
          TableName,
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: recovery.days },
        }),
      ),
    );
  for (const { index, mode } of wanted.contributorInsights) {
    if (found.contributorInsights.some((other) => other.index === index && other.mode === mode)) continue;
    await apply(() =>
      dynamodb.send(
        new UpdateContributorInsightsCommand({
          TableName,
          ContributorInsightsAction: 'ENABLE',
          ...defined({ IndexName: index, ContributorInsightsMode: mode }),
        }),
      ),
    );
  }
}
