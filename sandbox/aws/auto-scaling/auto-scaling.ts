import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ACCOUNT, DynamoDbError } from '../dynamodb/store.ts';

/** Targets are kept when their table is deleted, as in AWS. */
interface Target {
  readonly resourceId: string;
  readonly dimension: string;
  readonly arn: string;
  readonly createdAt: number;
  min: number;
  max: number;
  suspended: z.infer<typeof suspendedSchema>;
  readonly tags: Map<string, string>;
  readonly policies: Map<string, { readonly arn: string; readonly configuration: Configuration; readonly at: number }>;
  readonly actions: Map<string, { readonly arn: string; readonly input: ActionInput; readonly at: number }>;
}

const suspendedSchema = z.strictObject({
  DynamicScalingInSuspended: z.boolean().default(false),
  DynamicScalingOutSuspended: z.boolean().default(false),
  ScheduledScalingSuspended: z.boolean().default(false),
});
const RESOURCE = /^table\/([\w.-]{3,255})(?:\/index\/([\w.-]{3,255}))?$/;
const targetSchema = z.object({
  ServiceNamespace: z.literal('dynamodb'),
  ResourceId: z.string().regex(RESOURCE),
  ScalableDimension: z.enum([
    'dynamodb:table:ReadCapacityUnits',
    'dynamodb:table:WriteCapacityUnits',
    'dynamodb:index:ReadCapacityUnits',
    'dynamodb:index:WriteCapacityUnits',
  ]),
});
const capacity = z.number().int().min(1);
const registerSchema = targetSchema.extend({
  MinCapacity: capacity.optional(),
  MaxCapacity: capacity.optional(),
  RoleARN: z.string().optional(),
  SuspendedState: suspendedSchema.optional(),
  Tags: z.record(z.string(), z.string()).optional(),
});
const cooldown = z.number().int().min(0).optional();
const configurationSchema = z.strictObject({
  TargetValue: z.number().min(20).max(90),
  PredefinedMetricSpecification: z
    .strictObject({
      PredefinedMetricType: z.enum(['DynamoDBReadCapacityUtilization', 'DynamoDBWriteCapacityUtilization']),
    })
    .optional(),
  CustomizedMetricSpecification: z.looseObject({}).optional(),
  ScaleOutCooldown: cooldown,
  ScaleInCooldown: cooldown,
  DisableScaleIn: z.boolean().optional(),
});
type Configuration = z.infer<typeof configurationSchema>;
const policySchema = targetSchema.extend({
  PolicyName: z.string().min(1).max(256),
  PolicyType: z.literal('TargetTrackingScaling'),
  TargetTrackingScalingPolicyConfiguration: configurationSchema,
});
const actionSchema = targetSchema.extend({
  ScheduledActionName: z.string().min(1).max(256),
  Schedule: z.string().regex(/^(at|rate|cron)\(.+\)$/),
  Timezone: z.string().optional(),
  StartTime: z.number().optional(),
  EndTime: z.number().optional(),
  ScalableTargetAction: z
    .strictObject({ MinCapacity: capacity.optional(), MaxCapacity: capacity.optional() })
    .refine(({ MinCapacity, MaxCapacity }) => MinCapacity !== undefined || MaxCapacity !== undefined),
});
type ActionInput = z.infer<typeof actionSchema>;
const listSchema = z.object({
  ServiceNamespace: z.literal('dynamodb'),
  ResourceIds: z.array(z.string()).max(50).optional(),
  ResourceId: z.string().optional(),
  ScalableDimension: z.string().optional(),
  NextToken: z.string().optional(),
});
const taggedSchema = z.object({ ResourceARN: z.string(), Tags: z.record(z.string(), z.string()).optional() });

/** What a table looks like; undefined where there is none. */
export type FindTable = (table: string) => Promise<{ readonly indexes: readonly string[] } | undefined>;

const ROLE = `arn:aws:iam::${ACCOUNT}:role/aws-service-role/dynamodb.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_DynamoDBTable`;
/** Shorter than in AWS, so that a client that reads only the first page misses some. */
const PAGE = 2;

const refusal = (name: string, message: string) => new DynamoDbError(name, message);
const invalid = (message: string) => refusal('ValidationException', message);

/** Application Auto Scaling for DynamoDB: what is registered, without scaling anything. `now` in ms. */
export function createAutoScaling(now: () => number, findTable: FindTable) {
  const targets = new Map<string, Target>();
  const idOf = ({ ResourceId, ScalableDimension }: z.infer<typeof targetSchema>) =>
    `${ResourceId} ${ScalableDimension}`;
  const arn = (what: string) => `arn:aws:autoscaling:us-east-1:${ACCOUNT}:${what}:${randomUUID()}`;

  const found = (of: z.infer<typeof targetSchema>): Target => {
    const target = targets.get(idOf(of));
    if (target) return target;
    throw refusal(
      'ObjectNotFoundException',
      `No scalable target registered for service namespace: dynamodb, resource ID: ${of.ResourceId}, scalable dimension: ${of.ScalableDimension}`,
    );
  };
  const tagged = (ResourceARN: string): Target => {
    const target = [...targets.values()].find((one) => one.arn === ResourceARN);
    if (target) return target;
    throw refusal('ResourceNotFoundException', `The resource ${ResourceARN} was not found`);
  };

  async function register(input: unknown): Promise<object> {
    const asked = read(registerSchema, input);
    const [, table = '', index] = RESOURCE.exec(asked.ResourceId) ?? [];
    if (asked.ScalableDimension.startsWith('dynamodb:index') !== (index !== undefined))
      throw invalid(`Unsupported scalable dimension ${asked.ScalableDimension} for resource ${asked.ResourceId}`);
    const described = await findTable(table);
    if (!described) throw invalid(`DynamoDB table does not exist: ${asked.ResourceId}`);
    if (index !== undefined && !described.indexes.includes(index))
      throw invalid(`DynamoDB index does not exist: ${asked.ResourceId}`);
    const existing = targets.get(idOf(asked));
    if (existing && asked.Tags) throw invalid('Tags can only be set when a scalable target is registered');
    const min = asked.MinCapacity ?? existing?.min;
    const max = asked.MaxCapacity ?? existing?.max;
    if (min === undefined || max === undefined) throw invalid('MinCapacity and MaxCapacity are required');
    if (min > max) throw invalid('Maximum capacity cannot be less than minimum capacity');
    const target: Target = existing ?? {
      resourceId: asked.ResourceId,
      dimension: asked.ScalableDimension,
      arn: `arn:aws:application-autoscaling:us-east-1:${ACCOUNT}:scalable-target/${randomUUID().replaceAll('-', '')}`,
      createdAt: now(),
      min,
      max,
      suspended: suspendedSchema.parse({}),
      tags: new Map(Object.entries(asked.Tags ?? {})),
      policies: new Map(),
      actions: new Map(),
    };
    Object.assign(target, { min, max, suspended: asked.SuspendedState ?? target.suspended });
    targets.set(idOf(asked), target);
    return { ScalableTargetARN: target.arn };
  }

  function putPolicy(input: unknown): object {
    const asked = read(policySchema, input);
    const target = found(asked);
    const { TargetTrackingScalingPolicyConfiguration: configuration, PolicyName: name } = asked;
    const metric = configuration.PredefinedMetricSpecification?.PredefinedMetricType;
    if ((metric === undefined) === (configuration.CustomizedMetricSpecification === undefined))
      throw invalid('Exactly one of predefined and customized metric specification must be given');
    if (metric && !metric.startsWith(target.dimension.includes('Read') ? 'DynamoDBRead' : 'DynamoDBWrite'))
      throw invalid(`Predefined metric ${metric} is not supported for ${target.dimension}`);
    const isTwin = [...target.policies].some(
      ([other, { configuration: its }]) =>
        other !== name &&
        JSON.stringify(its.PredefinedMetricSpecification) ===
          JSON.stringify(configuration.PredefinedMetricSpecification),
    );
    if (isTwin) throw invalid('Only one TargetTrackingScaling policy for a given metric specification is allowed.');
    const policy = target.policies.get(name) ?? { arn: arn('scalingPolicy'), at: now() };
    target.policies.set(name, { ...policy, configuration });
    return { PolicyARN: policy.arn, Alarms: alarmsOf(target, name) };
  }

  const alarmsOf = ({ resourceId }: Target, policy: string) =>
    ['AlarmHigh', 'AlarmLow', 'ProvisionedCapacityHigh', 'ProvisionedCapacityLow'].map((kind) => {
      const AlarmName = `TargetTracking-${resourceId}-${kind}-${policy}`;
      return { AlarmName, AlarmARN: `arn:aws:cloudwatch:us-east-1:${ACCOUNT}:alarm:${AlarmName}` };
    });

  function putAction(input: unknown): object {
    const asked = read(actionSchema, input);
    const target = found(asked);
    const at = /^at\((.+)\)$/.exec(asked.Schedule)?.[1];
    if (at !== undefined && !(Date.parse(`${at}Z`) > now()))
      throw invalid(`The schedule ${asked.Schedule} is in the past`);
    const name = asked.ScheduledActionName;
    const { arn: own = arn('scheduledAction'), at: since = now() } = target.actions.get(name) ?? {};
    target.actions.set(name, { arn: own, input: asked, at: since });
    return {};
  }

  function list(input: unknown, name: string, itemsOf: (target: Target) => readonly object[]): object {
    const asked = read(listSchema, input);
    const from = Number(asked.NextToken ?? 0);
    if (!Number.isInteger(from)) throw refusal('InvalidNextTokenException', 'The next token is not valid');
    const resources = asked.ResourceIds ?? (asked.ResourceId === undefined ? undefined : [asked.ResourceId]);
    const all = [...targets.values()]
      .filter(({ resourceId }) => resources?.includes(resourceId) ?? true)
      .filter(({ dimension }) => (asked.ScalableDimension ?? dimension) === dimension)
      .flatMap(itemsOf);
    const next = from + PAGE < all.length ? { NextToken: String(from + PAGE) } : {};
    return { [name]: all.slice(from, from + PAGE), ...next };
  }

  const head = ({ resourceId, dimension }: Target) => ({
    ServiceNamespace: 'dynamodb',
    ResourceId: resourceId,
    ScalableDimension: dimension,
  });

  return {
    /** @throws DynamoDbError with the name that Application Auto Scaling has for the error. */
    async execute(operation: string, input: unknown): Promise<object> {
      switch (operation) {
        case 'RegisterScalableTarget':
          return register(input);
        case 'DeregisterScalableTarget': {
          const asked = read(targetSchema, input);
          found(asked);
          targets.delete(idOf(asked));
          return {};
        }
        case 'PutScalingPolicy':
          return putPolicy(input);
        case 'PutScheduledAction':
          return putAction(input);
        case 'DescribeScalableTargets':
          return list(input, 'ScalableTargets', (target) => [
            {
              ...head(target),
              MinCapacity: target.min,
              MaxCapacity: target.max,
              RoleARN: ROLE,
              CreationTime: target.createdAt / 1_000,
              SuspendedState: target.suspended,
              ScalableTargetARN: target.arn,
            },
          ]);
        case 'DescribeScalingPolicies':
          return list(input, 'ScalingPolicies', (target) =>
            [...target.policies].map(([PolicyName, policy]) => ({
              ...head(target),
              PolicyName,
              PolicyARN: policy.arn,
              PolicyType: 'TargetTrackingScaling',
              TargetTrackingScalingPolicyConfiguration: policy.configuration,
              Alarms: alarmsOf(target, PolicyName),
              CreationTime: policy.at / 1_000,
            })),
          );
        case 'DescribeScheduledActions':
          return list(input, 'ScheduledActions', (target) =>
            [...target.actions.values()].map((action) => ({
              ...action.input,
              ScheduledActionARN: action.arn,
              CreationTime: action.at / 1_000,
            })),
          );
        case 'ListTagsForResource':
          return { Tags: Object.fromEntries(tagged(read(taggedSchema, input).ResourceARN).tags) };
        case 'TagResource': {
          const { ResourceARN, Tags = {} } = read(taggedSchema, input);
          for (const [key, value] of Object.entries(Tags)) tagged(ResourceARN).tags.set(key, value);
          return {};
        }
        default:
          throw refusal('UnknownOperationException', `The local AWS has no application-autoscaling:${operation}`);
      }
    },
    clear: () => targets.clear(),
  };
}

/** @throws DynamoDbError that names the member that is wrong. */
function read<T>(schema: z.ZodType<T>, input: unknown): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw invalid(`1 validation error detected: ${issue?.path.join('.')}: ${issue?.message}`);
}
