import type { DeployControl } from '../../checklist/contracts/step-control.ts';
import type { TableControl } from '../../checklist/contracts/table-control.ts';
import type { Settings } from '../../settings.ts';
import type { AlertDelivery } from '../../slack/delivery/alert-delivery.ts';
import { type Address, createAddress } from '../../slack/notifications/address.ts';
import { createApproverMessages } from '../../slack/notifications/approver-messages.ts';
import type { NotifyPolicy } from '../../slack/notifications/targets.ts';
import type { ClientParts } from './clients.ts';
import type { SlackPorts } from './ports.ts';

const policyOf = (settings: Settings): NotifyPolicy => ({
  targets: {
    trip: settings.notifyTrip,
    fault: settings.notifyFault,
    approval: settings.notifyApproval,
    denied: settings.notifyDenied,
    finished: settings.notifyFinished,
  },
  approvers: settings.approvers,
  ...(settings.quietHours !== '' && {
    quietHours: { ...settings.quietHours, timeZone: settings.quietTimeZone },
  }),
});

/** Who is mentioned in alerts. */
export const assembleAddress = (
  { settings, clock }: Pick<SlackPorts, 'settings' | 'clock'>,
  { lookups }: Pick<ClientParts, 'lookups'>,
): Address => createAddress({ policy: policyOf(settings), nameOf: lookups.nameOf, clock });

/** The controls of tables and deploys, which also write to the approvers once a request has its message. */
export function withApproverMessages(
  ports: SlackPorts,
  { lookups, answers }: Pick<ClientParts, 'lookups' | 'answers'>,
  alerts: Pick<AlertDelivery, 'put'>,
): { readonly tables: TableControl; readonly deploys: SlackPorts['deploys'] } {
  const { settings, tables, deploys, onError } = ports;
  if (!settings.notifyApproversDirectly || settings.approvalPolicy === 'self') return { tables, deploys };
  const { notify } = createApproverMessages({
    approvers: settings.approvers,
    membersOf: lookups.membersOf,
    chat: answers,
    alerts,
    onError,
  });
  const after =
    (read: TableControl['approval'] | DeployControl['approval'], store: (id: string, ts: string) => Promise<void>) =>
    async (id: string, ts: string): Promise<void> => {
      await store(id, ts);
      void notify(() => read(id));
    };
  return {
    tables: { ...tables, setMessage: after(tables.approval, tables.setMessage) },
    deploys: { ...deploys, setApprovalMessage: after(deploys.approval, deploys.setApprovalMessage) },
  };
}
