import type { AutopilotControl } from '../../checklist/contracts/autopilot-control.ts';
import type { TableControl } from '../../checklist/contracts/table-control.ts';
import type { Checklist } from '../../checklist/steps/checklist.ts';
import { defined } from '../../lib/defined.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import type { Chat } from '../client/chat.ts';
import type { HomeFacts } from './home-view.ts';

const MOST_HISTORY = 5;
const MOST_APPROVALS = 10;

/** Gathers what everybody's Home tab shows, whoever they are. */
export async function gatherHome(ports: {
  runs: Pick<RunControl, 'current'>;
  tables: Pick<TableControl, 'backups' | 'openApprovals'>;
  checklist: Pick<Checklist, 'view' | 'history'>;
  autopilot: Pick<AutopilotControl, 'current'>;
  chat: Pick<Chat, 'permalink'>;
  onError: (error: unknown, message: string) => void;
}): Promise<Omit<HomeFacts, 'mayAct'>> {
  const { checklist, autopilot } = ports;
  const [view, run, piloting, backups, waiting] = await Promise.all([
    checklist.view(),
    ports.runs.current(),
    autopilot.current(),
    ports.tables.backups(),
    ports.tables.openApprovals(),
  ]);
  const history = [];
  for await (const record of checklist.history(MOST_HISTORY)) if (record.closedAt !== undefined) history.push(record);
  const approvals = await Promise.all(
    waiting.slice(0, MOST_APPROVALS).map(async (approval) => {
      const { channel, ts } = approval;
      const link =
        ts === undefined
          ? undefined
          : await ports.chat.permalink({ channel, ts }).catch((error: unknown) => {
              ports.onError(error, 'a request for approval is shown without a link');
              return undefined;
            });
      return link === undefined ? approval : { ...approval, link };
    }),
  );
  return {
    view,
    history,
    approvals,
    backups: backups.ok ? backups.value : 'unread',
    ...defined({ run, autopilot: piloting || undefined }),
  };
}
