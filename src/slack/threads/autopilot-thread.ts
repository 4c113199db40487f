import type { AuditLog } from '../../checklist/audit/audit-log.ts';
import type { AutopilotEvent } from '../../checklist/contracts/autopilot-control.ts';
import type { TableControl } from '../../checklist/contracts/table-control.ts';
import type { AutopilotRecord } from '../../checklist/model/autopilot-record.ts';
import type { ChecklistView } from '../../checklist/model/checklist-view.ts';
import type { StepFinding } from '../../checklist/model/step.ts';
import type { Clock } from '../../lib/clock.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import { type Chat, postInThreadOrChannel, postOnce } from '../client/chat.ts';
import type { AlertDelivery } from '../delivery/alert-delivery.ts';
import type { LiveMessageEditor } from '../delivery/live-message-editor.ts';
import { firstHeadKey } from '../delivery/run-heads.ts';
import { autopilotMessage, needsPersonMessage, receiptMessage } from '../messages/checklist/autopilot-message.ts';
import type { Message } from '../messages/kit/message.ts';
import { validationMessage } from '../messages/results/validation-message.ts';
import { previewMessage } from '../messages/run/preview.ts';
import type { WhoApproves } from '../messages/table/approval-message.ts';
import { postApproval } from '../requests/show-approval.ts';

/** The autopilot as its live message shows it. */
export interface ShownAutopilot {
  readonly record: AutopilotRecord;
  readonly view: ChecklistView;
}

export const renderAutopilot =
  (clock: Pick<Clock, 'now'>) =>
  ({ record, view }: ShownAutopilot): Message =>
    autopilotMessage(record, view, clock.now());

/** The state in which the buttons of a blocked autopilot have a meaning. */
const WAITS_FOR_PERSON = 'waits-for-person';

/** The state of an autopilot, as far as it decides about the buttons of its alerts. */
export const buttonStateOf = ({ state, blocker }: AutopilotRecord) => ({
  state: state === 'running' && blocker !== undefined ? WAITS_FOR_PERSON : state,
  isOpen: state === 'running',
});

export interface AutopilotThread {
  /** Shows an event. For an alert it resolves when the alert is stored. @throws when Slack does not accept a post. */
  handle(event: AutopilotEvent): Promise<void>;
}

/**
 * Shows the autopilot in Slack: its plan as a live message, its requests for approval and its runs in the channel, and as
 * an alert whatever it needs a person for.
 */
export function createAutopilotThread(ports: {
  liveMessages: Pick<LiveMessageEditor<ShownAutopilot>, 'show'>;
  alerts: Pick<AlertDelivery, 'put'>;
  chat: Pick<Chat, 'post' | 'edit'>;
  tables: Pick<TableControl, 'setMessage' | 'approval'>;
  runs: Pick<RunControl, 'setLocation'>;
  audit: Pick<AuditLog, 'entries'>;
  whoApproves: WhoApproves;
  clock: Pick<Clock, 'now'>;
  onError: (error: unknown, message: string) => void;
}): AutopilotThread {
  const { liveMessages, alerts, chat } = ports;

  /** The hash of the newest audit entry; undefined if it cannot be read. */
  async function readAuditHead(): Promise<string | undefined> {
    try {
      for await (const { hash } of ports.audit.entries({ newestFirst: true, limit: 1 })) return hash;
    } catch (error) {
      ports.onError(error, 'The audit cannot be read. The receipt is posted without its hash.');
    }
    return undefined;
  }

  return {
    async handle(event) {
      const { record } = event;
      const { channel } = record.location;
      switch (event.kind) {
        case 'started':
          return;
        case 'changed':
        case 'stopped':
          return liveMessages.show({ record, view: event.view });
        case 'approval-asked':
          // Also under the policy `self` a person has to press: nothing approves what the autopilot asks for.
          await postApproval(event.approval, ports);
          return;
        case 'run-planned': {
          // The autopilot starts the run itself, unless an older run is open: a person decides about that one.
          const buttons = event.plan.openRun !== undefined;
          const { plan } = event;
          const ts = await postOnce(chat, channel, previewMessage(plan, { buttons }), firstHeadKey(plan.runId));
          return ports.runs.setLocation(plan.runId, { channel, ts });
        }
        case 'validated': {
          const { ts } = record.location;
          const message = validationMessage(event.validation, ports.clock.now());
          await postInThreadOrChannel(
            (thread) => chat.post(channel, message, thread),
            ts === undefined ? undefined : { ts, broadcast: false },
          );
          return;
        }
        case 'needs-person':
          liveMessages.show({ record, view: event.view });
          return alerts.put(record.id, {
            to: 'channel',
            message: needsPersonMessage(record, event.blocker),
            during: WAITS_FOR_PERSON,
            notify: { event: 'fault', starters: [record.by] },
          });
        case 'finished': {
          const about = { validation: validationOf(event.view), head: await readAuditHead() };
          const message = receiptMessage(record, event.run, about);
          const notify = { event: 'finished', starters: [record.by] } as const;
          await alerts.put(record.id, { to: 'channel', message, once: 'finished', notify });
          return liveMessages.show({ record, view: event.view });
        }
      }
    },
  };
}

function validationOf({ steps }: ChecklistView): Extract<StepFinding, { kind: 'validate' }> | undefined {
  const found = steps.find(({ step }) => step === 'validate')?.found;
  return found?.kind === 'validate' ? found : undefined;
}
