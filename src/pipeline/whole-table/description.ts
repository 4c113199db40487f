import { hash } from 'node:crypto';
import type { CreateTableCommandInput } from '@aws-sdk/client-dynamodb';
import { z } from 'zod';
import { defined } from '../../lib/defined.ts';
import { nameOfCapacity, type ScaledCapacity, scaledCapacitySchema } from './auto-scaling.ts';

const isCreateTable = (value: unknown): boolean => z.looseObject({ TableName: z.string() }).safeParse(value).success;

/** Everything that is needed to create a table again, in one fixed order, so that two descriptions can be compared as JSON. */
export const fullDescriptionSchema = z.object({
  /** The input of CreateTable: keys, indexes, billing, stream, encryption, class, tags, resource policy, deletion protection. */
  create: z.custom<CreateTableCommandInput>(isCreateTable),
  /** What CreateTable cannot set. */
  settings: z.object({
    /** The attribute of TTL, where TTL is on. */
    timeToLive: z.string().optional(),
    pointInTimeRecovery: z.object({ days: z.number() }).optional(),
    /** The table and the indexes for which contributor insights are on; the table has no `index`. */
    contributorInsights: z.array(
      z.object({
        index: z.string().optional(),
        mode: z.enum(['ACCESSED_AND_THROTTLED_KEYS', 'THROTTLED_KEYS']).optional(),
      }),
    ),
    /** Absent where no capacity of the table or of an index is scaled. */
    autoScaling: z.array(scaledCapacitySchema).optional(),
  }),
});
export type FullDescription = z.infer<typeof fullDescriptionSchema>;

export interface TableInFull {
  readonly id: string;
  readonly arn: string;
  readonly status: string;
  readonly description: FullDescription;
  /** What a new table cannot have, in sentences: what people must do or accept. */
  readonly losses: readonly string[];
  /** Why the bot cannot create this table again, in sentences; empty where it can. */
  readonly obstacles: readonly string[];
}

/**
 * The SHA-256 of a description, hexadecimal. A capacity that is scaled automatically does not count: it may change at any time.
 */
export const digestOfDescription = (description: FullDescription): string =>
  hash('sha256', JSON.stringify(withoutScaledUnits(description)), 'hex');

type Throughput = CreateTableCommandInput['ProvisionedThroughput'];

/** The description without the current value of each capacity that is scaled automatically. */
function withoutScaledUnits({ create, settings }: FullDescription): FullDescription {
  if (settings.autoScaling === undefined) return { create, settings };
  const scaled = new Set(settings.autoScaling.map(nameOfCapacity));
  const fixed = (throughput: Throughput, index: string | undefined): { ProvisionedThroughput?: Throughput } => {
    if (throughput === undefined) return {};
    const unlessScaled = (unit: ScaledCapacity['unit']) =>
      scaled.has(nameOfCapacity(defined({ index, unit }))) ? undefined : throughput[unit];
    const ReadCapacityUnits = unlessScaled('ReadCapacityUnits');
    return { ProvisionedThroughput: { ReadCapacityUnits, WriteCapacityUnits: unlessScaled('WriteCapacityUnits') } };
  };
  const { ProvisionedThroughput: throughput, GlobalSecondaryIndexes: indexes, ...rest } = create;
  return {
    create: {
      ...rest,
      ...fixed(throughput, undefined),
      ...(indexes && {
        GlobalSecondaryIndexes: indexes.map((index) => ({
          ...index,
          ...fixed(index.ProvisionedThroughput, index.IndexName),
        })),
      }),
    },
    settings,
  };
}

/** The parts in which two descriptions differ, with both values as JSON; empty where they are equal. */
export function differencesOf(wanted: FullDescription, found: FullDescription): string[] {
  const flat = (description: FullDescription) => {
    const { create, settings } = withoutScaledUnits(description);
    return new Map<string, unknown>(Object.entries({ ...create, ...settings }));
  };
  const [before, after] = [flat(wanted), flat(found)];
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((name) => {
    const [a, b] = [JSON.stringify(before.get(name)), JSON.stringify(after.get(name))];
    return a === b ? [] : [`${name}: ${a ?? 'none'} before, ${b ?? 'none'} now`];
  });
}
