import type { CreateTableCommandInput } from '@aws-sdk/client-dynamodb';
import { withBackoff } from '../../lib/async/backoff.ts';
import { errorName, errorText } from '../../pipeline/fault.ts';
import {
  type AutoScalingPorts,
  applyAutoScaling,
  removeAutoScaling,
} from '../../pipeline/whole-table/apply-auto-scaling.ts';
import { type Ask, readAutoScaling } from '../../pipeline/whole-table/auto-scaling.ts';
import { isOnDemand } from '../../pipeline/whole-table/create-input.ts';
import { describeInFull } from '../../pipeline/whole-table/describe-in-full.ts';
import { differencesOf, type FullDescription } from '../../pipeline/whole-table/description.ts';
import {
  createTable,
  deleteTable,
  findTable,
  type LifecyclePorts,
  waitUntilActive,
  waitUntilGone,
} from '../../pipeline/whole-table/table-lifecycle.ts';
import { NotRecreatableError } from '../errors.ts';

type RehearsalPorts = LifecyclePorts & AutoScalingPorts;

/** The name of the rehearsal: no other job has it, so what has this name is empty and belongs to this job. */
export const rehearsalName = (table: string, jobId: string): string => `${table.slice(0, 200)}-rehearsal-${jobId}`;

/**
 * Creates an empty table under another name with the same input of CreateTable and the same auto scaling, compares it, and deletes
 * it: what AWS or IAM refuses (a KMS key, a tag, a scaling policy) shows before the real table is deleted. Without the
 * resource policy, which names the table, and without deletion protection. A provisioned table gets one unit of each capacity,
 * and its auto scaling is suspended: the rehearsal must not use up the account's capacity.
 * @throws NotRecreatableError; the SDK's error; what the ports' `mayCall` and `mayFinish` throw.
 */
export async function rehearse(
  ports: RehearsalPorts,
  request: { readonly table: string; readonly jobId: string; readonly mayFinish: () => void },
  description: FullDescription,
): Promise<void> {
  const name = rehearsalName(request.table, request.jobId);
  const wanted = rehearsalOf(description, name);
  const { autoScaling = [] } = wanted.settings;
  try {
    await createTable(ports, wanted.create);
    await applyAutoScaling(ports, name, autoScaling, []).catch((error: unknown) => {
      if (errorName(error) !== 'ValidationException') throw error;
      throw new NotRecreatableError(request.table, [
        `Application Auto Scaling does not accept its auto scaling for a new table: ${errorText(error)}`,
      ]);
    });
    const { create, settings } = (await describeInFull(ports, name)).description;
    const made = { create, settings: { ...wanted.settings, autoScaling: settings.autoScaling } };
    const differences = differencesOf(wanted, made);
    if (differences.length > 0)
      throw new NotRecreatableError(request.table, [
        'A table that was created with the same settings under another name differs from it.',
        ...differences,
      ]);
  } finally {
    await removeRehearsal({ ...ports, mayCall: request.mayFinish }, name);
  }
}

const ONE_UNIT = { ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 1 } };

function rehearsalOf({ create, settings }: FullDescription, TableName: string): FullDescription {
  const { ResourcePolicy: _named, GlobalSecondaryIndexes: indexes, ...rest } = create;
  const isProvisioned = create.BillingMode === 'PROVISIONED';
  const units = isProvisioned ? ONE_UNIT : {};
  const input: CreateTableCommandInput = {
    ...rest,
    ...units,
    ...(indexes && { GlobalSecondaryIndexes: indexes.map((index) => ({ ...index, ...units })) }),
    TableName,
    DeletionProtectionEnabled: false,
  };
  const suspended = { scalingIn: true, scalingOut: true, scheduled: true };
  const autoScaling = settings.autoScaling?.map((capacity) => ({ ...capacity, suspended }));
  // The auto scaling of an on-demand table is left from earlier, and without effect: only what is missing afterwards is set again.
  return { create: input, settings: { ...settings, autoScaling: isProvisioned ? autoScaling : undefined } };
}

/** Deletes the table of a rehearsal with its auto scaling, if it is there. @throws the SDK's error, what `mayCall` throws. */
export async function removeRehearsal(ports: RehearsalPorts, name: string): Promise<void> {
  const made = await findTable(ports, name);
  if (made?.TableId === undefined) return;
  if (made.TableStatus !== 'DELETING') {
    await waitUntilActive(ports, name);
    if (!isOnDemand(made)) {
      // Application Auto Scaling keeps what belongs to a deleted table.
      const indexes = (made.GlobalSecondaryIndexes ?? []).map(({ IndexName = '' }) => IndexName);
      const ask: Ask = (_operation, call) => withBackoff(ports.backoff, call);
      const { capacities } = await readAutoScaling(ports.autoScaling, name, indexes, ask);
      await removeAutoScaling(ports, name, capacities);
    }
    await deleteTable(ports, name, made.TableId);
  }
  await waitUntilGone(ports, name, made.TableId);
}
