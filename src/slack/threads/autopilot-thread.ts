import type { AutopilotRecord } from '../../checklist/autopilot/autopilot-store.ts';
import type { AutopilotEvent } from '../../checklist/contracts/autopilot-control.ts';
import type { TableControl } from '../../checklist/contracts/table-control.ts';
import type { ChecklistView } from '../../checklist/model/checklist-view.ts';
import type { Clock } from '../../lib/clock.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import type { Chat } from '../client/chat.ts';
import type { AlertDelivery } from '../delivery/alert-delivery.ts';
import type { LiveMessageEditor } from '../delivery/live-message-editor.ts';
import { autopilotMessage, needsPersonMessage, receiptMessage } from '../messages/checklist/autopilot-message.ts';
import type { Message } from '../messages/kit/message.ts';
import { validationMessage } from '../messages/results/validation-message.ts';
import { previewMessage } from '../messages/run/preview.ts';
import type { WhoApproves } from '../messages/table/approval-message.ts';
import { showApproval } from '../requests/show-approval.ts';

/** The autopilot as its message shows it. */
export interface ShownAutopilot {
  readonly record: AutopilotRecord;
  readonly view: ChecklistView;
}

export const renderAutopilot =
  (clock: Pick<Clock, 'now'>) =>
  ({ record, view }: ShownAutopilot): Message =>
    autopilotMessage(record, view, clock.now());

function verdictOf({ steps }: ChecklistView): string | undefined {
  const found = steps.find(({ step }) => step === 'validate')?.found;
  return found?.kind === 'validate' ? found.verdict : undefined;
}

/** Where the autopilot shows itself: one live plan, its requests and runs in the channel, what it needs a person for as an alert. */
export function createAutopilotThread(ports: {
  liveMessage: Pick<LiveMessageEditor<ShownAutopilot>, 'show'>;
  alerts: Pick<AlertDelivery, 'put'>;
  chat: Pick<Chat, 'post' | 'edit'>;
  tables: Pick<TableControl, 'setMessage' | 'approval' | 'click'>;
  runs: Pick<RunControl, 'setLocation'>;
  auditHead: () => Promise<string | undefined>;
  whoApproves: WhoApproves;
  clock: Pick<Clock, 'now'>;
  onError: (error: unknown, message: string) => void;
}): { handle(event: AutopilotEvent): Promise<void> } {
  const { liveMessage, alerts, chat } = ports;
  return {
    async handle(event) {
      const { record } = event;
      const { channel } = record.location;
      switch (event.kind) {
        case 'started':
          return;
        case 'changed':
        case 'stopped':
          return liveMessage.show({ record, view: event.view });
        case 'approval-asked': {
          await showApproval(event.approval, ports);
          return;
        }
        case 'run-planned': {
          // It starts by itself, unless an older run is in its way: then somebody decides what becomes of that one.
          const buttons = event.plan.openRun !== undefined;
          const ts = await chat.post(channel, previewMessage(event.plan, { buttons }));
          return ports.runs.setLocation(event.plan.runId, { channel, ts });
        }
        case 'validated':
          await chat.post(channel, validationMessage(event.validation, ports.clock.now()));
          return;
        case 'needs-person':
          liveMessage.show({ record, view: event.view });
          return alerts.put(record.id, { to: 'channel', message: needsPersonMessage(record, event.blocker) });
        case 'finished': {
          const head = await ports.auditHead().catch((error: unknown) => {
            ports.onError(error, 'the receipt goes without the head of the audit');
            return undefined;
          });
          await alerts.put(record.id, {
            to: 'channel',
            message: receiptMessage(record, event.run, { verdict: verdictOf(event.view), head }),
          });
          return liveMessage.show({ record, view: event.view });
        }
      }
    },
  };
}
