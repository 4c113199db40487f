import {
  type ApplicationAutoScalingClient,
  DeregisterScalableTargetCommand,
  ObjectNotFoundException,
  PutScalingPolicyCommand,
  PutScheduledActionCommand,
  RegisterScalableTargetCommand,
  TagResourceCommand,
} from '@aws-sdk/client-application-auto-scaling';
import { type Backoff, isTransient, waitBefore } from '../../lib/async/backoff.ts';
import { defined } from '../../lib/defined.ts';
import { errorName, errorText } from '../fault.ts';
import { nameOfCapacity, resourceIdOf, type ScaledCapacity, SERVICE_NAMESPACE } from './auto-scaling.ts';

export interface AutoScalingPorts {
  readonly autoScaling: ApplicationAutoScalingClient;
  readonly backoff: Backoff;
  /** Asked before each call. @throws where this process may not go on. */
  readonly mayCall: () => void;
}

/** Another call changes the same target, or Application Auto Scaling does not see a new table yet. */
const isNotYet = (error: unknown): boolean =>
  ['ConcurrentUpdateException', 'FailedResourceAccessException'].includes(errorName(error)) ||
  (errorName(error) === 'ValidationException' && /does not exist/i.test(errorText(error)));

async function call<T>({ backoff, mayCall }: AutoScalingPorts, send: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    mayCall();
    try {
      return await send();
    } catch (error) {
      if (attempt >= backoff.attempts || !(isTransient(error) || isNotYet(error))) throw error;
    }
    await waitBefore(backoff, attempt);
  }
}

const targetOf = (table: string, { index, unit }: Pick<ScaledCapacity, 'index' | 'unit'>) => ({
  ServiceNamespace: SERVICE_NAMESPACE,
  ResourceId: resourceIdOf(table, index),
  ScalableDimension: `dynamodb:${index === undefined ? 'table' : 'index'}:${unit}` as const,
});

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/**
 * Sets what `found` does not have of `wanted`. Each call may be repeated without harm: it creates or replaces by name. What is
 * there and not wanted is left. @throws the SDK's error, what `mayCall` throws.
 */
export async function applyAutoScaling(
  ports: AutoScalingPorts,
  table: string,
  wanted: readonly ScaledCapacity[],
  found: readonly ScaledCapacity[],
): Promise<void> {
  const { autoScaling } = ports;
  for (const capacity of wanted) {
    const { min, max, suspended } = capacity;
    const target = targetOf(table, capacity);
    const current = found.find((other) => nameOfCapacity(other) === nameOfCapacity(capacity));
    const has = <T>(list: readonly T[] | undefined, part: T) => list?.some((other) => isSame(other, part)) ?? false;
    const limits = current && { min: current.min, max: current.max, suspended: current.suspended };
    if (!isSame(limits, { min, max, suspended }) || !isSame(current?.tags, capacity.tags)) {
      const { ScalableTargetARN: ResourceARN } = await call(ports, () =>
        autoScaling.send(
          new RegisterScalableTargetCommand({
            ...target,
            MinCapacity: min,
            MaxCapacity: max,
            SuspendedState: {
              DynamicScalingInSuspended: suspended.scalingIn,
              DynamicScalingOutSuspended: suspended.scalingOut,
              ScheduledScalingSuspended: suspended.scheduled,
            },
          }),
        ),
      );
      // Not with the registration: one that is repeated after a lost reply finds the target there.
      if (ResourceARN !== undefined && capacity.tags.length > 0) {
        const Tags = Object.fromEntries(capacity.tags.map(({ Key, Value }) => [Key, Value]));
        await call(ports, () => autoScaling.send(new TagResourceCommand({ ResourceARN, Tags })));
      }
    }
    for (const policy of capacity.policies) {
      if (has(current?.policies, policy)) continue;
      const input = {
        ...target,
        PolicyName: policy.name,
        PolicyType: 'TargetTrackingScaling' as const,
        TargetTrackingScalingPolicyConfiguration: policy.configuration,
      };
      await call(ports, () => autoScaling.send(new PutScalingPolicyCommand(input)));
    }
    for (const action of capacity.scheduledActions) {
      if (has(current?.scheduledActions, action)) continue;
      const { name, schedule, timezone, start, end } = action;
      const input = {
        ...target,
        ScheduledActionName: name,
        Schedule: schedule,
        ScalableTargetAction: defined({ MinCapacity: action.min, MaxCapacity: action.max }),
        ...defined({
          Timezone: timezone,
          StartTime: start === undefined ? undefined : new Date(start),
          EndTime: end === undefined ? undefined : new Date(end),
        }),
      };
      await call(ports, () => autoScaling.send(new PutScheduledActionCommand(input)));
    }
  }
}

/** Removes these targets with their policies, alarms and scheduled actions; one that is gone is no error. @throws the SDK's error. */
export async function removeAutoScaling(
  ports: AutoScalingPorts,
  table: string,
  targets: readonly Pick<ScaledCapacity, 'index' | 'unit'>[],
): Promise<void> {
  for (const target of targets)
    await call(ports, async () => {
      try {
        await ports.autoScaling.send(new DeregisterScalableTargetCommand(targetOf(table, target)));
      } catch (error) {
        if (!(error instanceof ObjectNotFoundException)) throw error;
      }
    });
}
