import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { type Result, refuse, succeed } from '../../lib/result.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { Profile } from '../../pipeline/profile/profile.ts';
import type { PeopleIndex } from '../../run/scope/people-index.ts';
import type { ScopeQuestion } from '../../run/scope/resolve-scope.ts';
import { criteriaOf, describeScope, type Scope, type ScopeCriteria, type ScopeRefusal } from '../../run/scope/scope.ts';
import type { AuditWriter } from '../audit/audit-writer.ts';
import type { ScopeControl, SetScopeRefusal } from '../contracts/scope-control.ts';
import type { Checklist } from './checklist.ts';

export interface ScopeControlPorts {
  readonly checklist: Pick<Checklist, 'scope' | 'setScope' | 'whyScopeIsFixed'>;
  /** Reads the table and the bucket, and writes the images of the scope as its manifest. */
  readonly resolve: (question: ScopeQuestion) => Promise<Result<Scope, ScopeRefusal>>;
  readonly people: PeopleIndex;
  readonly audit: Pick<AuditWriter, 'enqueue'>;
  readonly clock: Clock;
  readonly profile: Pick<Profile, 'person' | 'date'>;
  readonly readFault: (error: unknown) => Fault;
  readonly warn: (message: string, cause: unknown) => void;
}

const isSame = (a: ScopeCriteria, b: ScopeCriteria): boolean => isDeepStrictEqual({ ...a }, { ...b });

/** See ScopeControl. */
export function createScopeControl(ports: ScopeControlPorts): ScopeControl {
  const { checklist, audit, clock } = ports;

  async function fixed(): Promise<SetScopeRefusal | undefined> {
    const by = await checklist.whyScopeIsFixed();
    return by && { reason: 'scope-fixed', by, ...defined({ scope: await checklist.scope() }) };
  }
  /** Read again after the write: a flush reads the scope after it has stored its job, so one of both sees the other. */
  async function change(to: Scope | undefined, by: string): Promise<SetScopeRefusal | undefined> {
    const before = await checklist.scope();
    await checklist.setScope(to, by);
    if (!(await checklist.whyScopeIsFixed())) return;
    await checklist.setScope(before, by);
    return fixed();
  }
  async function answer<T>(work: () => Promise<Result<T, SetScopeRefusal>>): Promise<Result<T, SetScopeRefusal>> {
    try {
      return await work();
    } catch (error) {
      ports.warn('the scope could not be set', error);
      return refuse({ reason: 'fault', fault: ports.readFault(error) });
    }
  }

  return {
    current: () => checklist.scope(),
    lacks: (['person', 'date'] as const).filter((part) => ports.profile[part] === undefined),
    findPeople: ports.people.find,
    set: (request, by) =>
      answer(async () => {
        const before = await fixed();
        if (before) {
          // The same scope again, as in `start people=…` after the flush.
          const now = await checklist.scope();
          return now && !request.images && isSame(now.criteria, criteriaOf(request)) ? succeed(now) : refuse(before);
        }
        const about = { id: `s-${randomUUID().slice(0, 8)}`, request, by, at: Math.round(clock.now()) };
        const resolved = await ports.resolve(about);
        if (!resolved.ok) return resolved;
        const scope = resolved.value;
        // The flush may have been asked for while the table was read.
        const after = (await fixed()) ?? (await change(scope, by));
        if (after) return refuse(after);
        const what = `${scope.images} images, ${scope.records.total} records`;
        audit.enqueue({
          who: by,
          what: `scope ${scope.id}`,
          outcome: `changed: set to ${what}, ${describeScope(scope.criteria)}`,
        });
        return succeed(scope);
      }),
    clear: (by) =>
      answer(async () => {
        const scope = await checklist.scope();
        if (!scope) return refuse({ reason: 'no-scope' });
        const isFixed = (await fixed()) ?? (await change(undefined, by));
        if (isFixed) return refuse(isFixed);
        audit.enqueue({ who: by, what: `scope ${scope.id}`, outcome: 'changed: cleared, everything is covered' });
        return succeed(scope);
      }),
  };
}
