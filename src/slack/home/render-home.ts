import type { HomeView } from '@slack/types';
import type { Clock } from '../../lib/clock.ts';
import type { Permissions } from '../intake/permissions.ts';
import { type HomeFacts, homeView } from './home-view.ts';

/** Renders the Home tab for one person: operators get buttons. */
export const createHomeRenderer =
  (ports: { permissions: Permissions; clock: Pick<Clock, 'now'> }) =>
  async (person: string, facts: Omit<HomeFacts, 'mayAct'>): Promise<HomeView> => {
    const { ok: mayAct } = await ports.permissions.check(person, 'operator');
    return homeView({ ...facts, mayAct }, ports.clock.now());
  };
