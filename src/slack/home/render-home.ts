import type { HomeView } from '@slack/types';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { carriedFault } from '../../pipeline/fault.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { Permissions } from '../intake/permissions.ts';
import type { LastKnown, PipelineStates } from '../requests/pipeline-state.ts';
import { rightsOf } from '../requests/status.ts';
import { type HomeFacts, homeView, unreadHomeView } from './home-view.ts';

/** What everybody's Home tab shows: the facts, or why there are none. */
export type SharedHome =
  | (Omit<HomeFacts, 'rights'> & { readonly kind: 'read' })
  | { readonly kind: 'unread'; readonly fault?: Fault; readonly known?: LastKnown };

/** Renders the Home tab for one person, with the buttons that this person may press. */
export const createHomeRenderer =
  (ports: { permissions: Permissions; clock: Pick<Clock, 'now'> }) =>
  async (person: string, home: SharedHome): Promise<HomeView> =>
    home.kind === 'unread'
      ? unreadHomeView(home.fault, home.known)
      : homeView({ ...home, rights: await rightsOf(person, ports.permissions) }, ports.clock.now());

/**
 * What is shown while nothing can be read: the facts that were read last, marked as out of date with the fault; where this process has
 * read none, the fault and the last known state. A tab of an earlier process must not keep its buttons.
 */
export const outdateHome =
  (states: Pick<PipelineStates, 'lastKnown'>) =>
  (
    last: { readonly facts: SharedHome; readonly readAt: number } | undefined,
    { since, error }: { readonly since: number; readonly error: unknown },
  ): SharedHome => {
    const fault = carriedFault(error);
    return last?.facts.kind === 'read'
      ? { ...last.facts, outdated: defined({ since, readAt: last.readAt, fault }) }
      : defined({ kind: 'unread' as const, fault, known: states.lastKnown() });
  };
