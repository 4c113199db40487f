import {
  type ApplicationAutoScalingClient,
  DescribeScalableTargetsCommand,
  DescribeScalingPoliciesCommand,
  DescribeScheduledActionsCommand,
  ListTagsForResourceCommand,
  type ScalableTarget,
  type ScalingPolicy,
  type ScheduledAction,
  type TargetTrackingScalingPolicyConfiguration,
} from '@aws-sdk/client-application-auto-scaling';
import { z } from 'zod';
import { piecesOf } from '../../lib/async/workers.ts';
import { defined } from '../../lib/defined.ts';
import { isObject } from '../table/item.ts';

const isConfiguration = (value: unknown): boolean =>
  z.looseObject({ TargetValue: z.number() }).safeParse(value).success;

/** The auto scaling of one capacity of the table or of an index, as Application Auto Scaling has it. */
export const scaledCapacitySchema = z.object({
  /** Absent: the table itself. */
  index: z.string().optional(),
  unit: z.enum(['ReadCapacityUnits', 'WriteCapacityUnits']),
  min: z.number(),
  max: z.number(),
  suspended: z.object({ scalingIn: z.boolean(), scalingOut: z.boolean(), scheduled: z.boolean() }),
  tags: z.array(z.object({ Key: z.string(), Value: z.string() })),
  /** Target tracking; Application Auto Scaling makes their CloudWatch alarms itself. */
  policies: z.array(
    z.object({
      name: z.string(),
      configuration: z.custom<TargetTrackingScalingPolicyConfiguration>(isConfiguration),
    }),
  ),
  scheduledActions: z.array(
    z.object({
      name: z.string(),
      schedule: z.string(),
      timezone: z.string().optional(),
      /** ISO 8601. */
      start: z.string().optional(),
      end: z.string().optional(),
      min: z.number().optional(),
      max: z.number().optional(),
    }),
  ),
});
export type ScaledCapacity = z.infer<typeof scaledCapacitySchema>;

export const SERVICE_NAMESPACE = 'dynamodb' as const;
/** DescribeScalableTargets takes 50 resources. */
const RESOURCES_PER_CALL = 50;
/** The role that Application Auto Scaling uses by itself for DynamoDB; it takes no other. */
const SERVICE_LINKED_ROLE = /:role\/aws-service-role\/[^/]+\/AWSServiceRoleForApplicationAutoScaling_DynamoDBTable$/;

export const resourceIdOf = (table: string, index: string | undefined): string =>
  index === undefined ? `table/${table}` : `table/${table}/index/${index}`;

/** Only AWS may set these ("Tagging restrictions in DynamoDB"). */
export const isTagOfAws = ({ Key }: { Key: string }) => Key.startsWith('aws:');

export type Ask = <T>(operation: string, call: () => Promise<T>) => Promise<T>;

export interface AutoScaling {
  /** Of the table first, then of the indexes by name. */
  readonly capacities: readonly ScaledCapacity[];
  /** Why it cannot be set up again, in sentences. */
  readonly obstacles: readonly string[];
  readonly hasTagsOfAws: boolean;
}

/** The auto scaling of a table and these indexes; `ask` makes the calls. @throws what `ask` throws. */
export async function readAutoScaling(
  client: ApplicationAutoScalingClient,
  table: string,
  indexes: readonly string[],
  ask: Ask,
): Promise<AutoScaling> {
  const ServiceNamespace = SERVICE_NAMESPACE;
  const capacities: ScaledCapacity[] = [];
  const obstacles: string[] = [];
  let hasTagsOfAws = false;
  const targets: ScalableTarget[] = [];
  for (const ResourceIds of piecesOf(
    [undefined, ...indexes].map((index) => resourceIdOf(table, index)),
    RESOURCES_PER_CALL,
  ))
    targets.push(
      ...(await allPages((NextToken) =>
        ask('DescribeScalableTargets', async () => {
          const page = await client.send(
            new DescribeScalableTargetsCommand(defined({ ServiceNamespace, ResourceIds: [...ResourceIds], NextToken })),
          );
          return { items: page.ScalableTargets, NextToken: page.NextToken };
        }),
      )),
    );
  for (const index of [undefined, ...indexes]) {
    const ResourceId = resourceIdOf(table, index);
    const own = targets.filter((target) => target.ResourceId === ResourceId);
    if (own.length === 0) continue;
    const policies = await allPages((NextToken) =>
      ask('DescribeScalingPolicies', async () => {
        const page = await client.send(
          new DescribeScalingPoliciesCommand(defined({ ServiceNamespace, ResourceId, NextToken })),
        );
        return { items: page.ScalingPolicies, NextToken: page.NextToken };
      }),
    );
    const actions = await allPages((NextToken) =>
      ask('DescribeScheduledActions', async () => {
        const page = await client.send(
          new DescribeScheduledActionsCommand(defined({ ServiceNamespace, ResourceId, NextToken })),
        );
        return { items: page.ScheduledActions, NextToken: page.NextToken };
      }),
    );
    for (const target of own) {
      const { ScalableTargetARN: ResourceARN } = target;
      const tags =
        ResourceARN === undefined
          ? {}
          : ((await ask('ListTagsForResource', () => client.send(new ListTagsForResourceCommand({ ResourceARN }))))
              .Tags ?? {});
      const all = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
      hasTagsOfAws ||= all.some(isTagOfAws);
      const read = capacityOf(
        target,
        index,
        all.filter((tag) => !isTagOfAws(tag)),
        policies,
        actions,
      );
      obstacles.push(...obstaclesOf(target, policies));
      if (read) capacities.push(read);
      else
        obstacles.push(
          `The auto scaling of ${ResourceId} has ${target.ScalableDimension}, which the bot does not know.`,
        );
    }
  }
  return { capacities: capacities.sort(byCapacity), obstacles, hasTagsOfAws };
}

async function allPages<T>(
  page: (
    NextToken: string | undefined,
  ) => Promise<{ readonly items: readonly T[] | undefined; readonly NextToken: string | undefined }>,
): Promise<T[]> {
  const all: T[] = [];
  let NextToken: string | undefined;
  do {
    const read = await page(NextToken);
    all.push(...(read.items ?? []));
    NextToken = read.NextToken;
  } while (NextToken !== undefined);
  return all;
}

const isOfTarget = (target: ScalableTarget, other: ScalingPolicy | ScheduledAction): boolean =>
  other.ScalableDimension === target.ScalableDimension;

function capacityOf(
  target: ScalableTarget,
  index: string | undefined,
  tags: ScaledCapacity['tags'],
  policies: readonly ScalingPolicy[],
  actions: readonly ScheduledAction[],
): ScaledCapacity | undefined {
  const [, kind, unit] = String(target.ScalableDimension).split(':');
  if (unit !== 'ReadCapacityUnits' && unit !== 'WriteCapacityUnits') return undefined;
  if (kind !== (index === undefined ? 'table' : 'index')) return undefined;
  const { MinCapacity: min = 0, MaxCapacity: max = 0, SuspendedState: suspended } = target;
  return {
    ...defined({ index }),
    unit,
    min,
    max,
    suspended: {
      scalingIn: suspended?.DynamicScalingInSuspended ?? false,
      scalingOut: suspended?.DynamicScalingOutSuspended ?? false,
      scheduled: suspended?.ScheduledScalingSuspended ?? false,
    },
    tags: tags.sort((a, b) => (a.Key < b.Key ? -1 : 1)),
    policies: policies
      .filter((policy) => isOfTarget(target, policy))
      .flatMap(({ PolicyName: name = '', TargetTrackingScalingPolicyConfiguration: configuration }) =>
        configuration ? [{ name, configuration: inOrder(configuration) }] : [],
      )
      .sort(byName),
    scheduledActions: actions
      .filter((action) => isOfTarget(target, action))
      .map((action) =>
        defined({
          name: action.ScheduledActionName ?? '',
          schedule: action.Schedule ?? '',
          timezone: action.Timezone,
          start: action.StartTime?.toISOString(),
          end: action.EndTime?.toISOString(),
          min: action.ScalableTargetAction?.MinCapacity,
          max: action.ScalableTargetAction?.MaxCapacity,
        }),
      )
      .sort(byName),
  };
}

function obstaclesOf(target: ScalableTarget, policies: readonly ScalingPolicy[]): string[] {
  const where = `${target.ResourceId} (${target.ScalableDimension})`;
  return [
    ...(SERVICE_LINKED_ROLE.test(target.RoleARN ?? '')
      ? []
      : [`The auto scaling of ${where} uses the role ${target.RoleARN}, which cannot be set again.`]),
    ...policies
      .filter((policy) => isOfTarget(target, policy) && policy.TargetTrackingScalingPolicyConfiguration === undefined)
      .map(({ PolicyName, PolicyType }) => `The scaling policy ${PolicyName} of ${where} is of type ${PolicyType}.`),
  ];
}

/** The same configuration with its names in one fixed order, so that two can be compared as JSON. */
function inOrder<T>(value: T): T {
  const sorted = (_name: string, part: unknown): unknown =>
    isObject(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part;
  return JSON.parse(JSON.stringify(value, sorted));
}

const byName = (a: { readonly name: string }, b: { readonly name: string }) => (a.name < b.name ? -1 : 1);
const byCapacity = (a: ScaledCapacity, b: ScaledCapacity) => (nameOfCapacity(a) < nameOfCapacity(b) ? -1 : 1);

/** Tells the capacities of a table apart. */
export const nameOfCapacity = ({ index = '', unit }: Pick<ScaledCapacity, 'index' | 'unit'>): string =>
  `${index} ${unit}`;
