import type { TableControl } from '../../checklist/contracts/table-control.ts';
import type { Checklist } from '../../checklist/steps/checklist.ts';
import { isOpen } from '../../run/model/run.ts';
import type { Chat } from '../client/chat.ts';
import type { PipelineStates } from '../requests/pipeline-state.ts';
import type { SharedHome } from './render-home.ts';

const MOST_HISTORY = 5;
const MOST_APPROVALS = 10;

/** Gathers what everybody's Home tab shows, whoever they are. */
export async function gatherHome(ports: {
  states: Pick<PipelineStates, 'read'>;
  tables: Pick<TableControl, 'backups'>;
  checklist: Pick<Checklist, 'history'>;
  chat: Pick<Chat, 'permalink'>;
  onError: (error: unknown, message: string) => void;
}): Promise<SharedHome> {
  const { checklist } = ports;
  const [state, backups] = await Promise.all([ports.states.read(), ports.tables.backups()]);
  const history = (await checklist.history(MOST_HISTORY)).filter((entry) =>
    entry.kind === 'run' ? !isOpen(entry.run.state) : entry.record.closedAt !== undefined,
  );
  const approvals = await Promise.all(
    state.approvals.slice(0, MOST_APPROVALS).map(async (approval) => {
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
  return { kind: 'read', ...state, history, approvals, backups: backups.ok ? backups.value : 'unread' };
}
