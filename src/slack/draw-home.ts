import type { HomeView } from '@slack/types';
import type { Rescans } from '../checklist/assemble.ts';
import type { TableControl } from '../checklist/table-control.ts';
import type { Clock } from '../clock.ts';
import type { RunControl } from '../rescan/run-control.ts';
import type { Chat } from './chat.ts';
import type { Permissions } from './permissions.ts';
import { homeView } from './views/home-view.ts';

const MOST_HISTORY = 5;

/** Gathers what somebody's Home tab shows, and draws it. */
export async function drawHome(
  person: string,
  ports: {
    runs: Pick<RunControl, 'current'>;
    tables: Pick<TableControl, 'backups' | 'openApprovals'>;
    rescans: Pick<Rescans, 'checklist' | 'autopilot'>;
    permissions: Permissions;
    chat: Pick<Chat, 'permalink'>;
    clock: Pick<Clock, 'now'>;
    onTrouble: (error: unknown, message: string) => void;
  },
): Promise<HomeView> {
  const { checklist, autopilot } = ports.rescans;
  const [view, run, piloting, backups, waiting, permission] = await Promise.all([
    checklist.view(),
    ports.runs.current(),
    autopilot.current(),
    ports.tables.backups(),
    ports.tables.openApprovals(),
    ports.permissions.may(person, 'operator'),
  ]);
  const history = [];
  for await (const record of checklist.history(MOST_HISTORY)) if (record.closedAt !== undefined) history.push(record);
  const approvals = await Promise.all(
    waiting.map(async (approval) => {
      const { channel, ts } = approval;
      const link =
        ts === undefined
          ? undefined
          : await ports.chat.permalink({ channel, ts }).catch((error: unknown) => {
              ports.onTrouble(error, 'a request for approval is shown without a link');
              return undefined;
            });
      return link === undefined ? approval : { ...approval, link };
    }),
  );
  return homeView(
    {
      view,
      history,
      approvals,
      backups: backups.ok ? backups.value : [],
      mayAct: permission.ok,
      ...(run ? { run } : {}),
      ...(piloting ? { autopilot: piloting } : {}),
    },
    ports.clock.now(),
  );
}
