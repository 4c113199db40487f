import type { HomeView } from '@slack/types';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { FaultError } from '../../pipeline/fault.ts';
import { ControlTableError } from '../../state/control-table.ts';
import type { Permissions } from '../intake/permissions.ts';
import { type HomeFacts, homeView } from './home-view.ts';

/** Renders the Home tab for one person: operators get buttons. */
export const createHomeRenderer =
  (ports: { permissions: Permissions; clock: Pick<Clock, 'now'> }) =>
  async (person: string, facts: Omit<HomeFacts, 'mayAct'>): Promise<HomeView> => {
    const { ok: mayAct } = await ports.permissions.check(person, 'operator', 'cached');
    return homeView({ ...facts, mayAct }, ports.clock.now());
  };

/** The facts that were read last, marked as out of date with the fault that keeps them from being read. */
export function outdateHome(
  facts: Omit<HomeFacts, 'mayAct'>,
  { since, readAt, error }: { readonly since: number; readonly readAt: number; readonly error: unknown },
): Omit<HomeFacts, 'mayAct'> {
  const fault = error instanceof FaultError || error instanceof ControlTableError ? error.fault : undefined;
  return { ...facts, outdated: defined({ since, readAt, fault }) };
}
