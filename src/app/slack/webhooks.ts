import type { DeployEvent } from '../../checklist/contracts/step-control.ts';
import type { AlertDelivery } from '../../slack/delivery/alert-delivery.ts';
import type { Service, Source } from '../../slack/lifecycle.ts';
import { createWebhookDelivery } from '../../slack/notifications/webhook/delivery.ts';
import {
  eventOfApproval,
  eventOfRun,
  eventOfTable,
  type WebhookEvent,
} from '../../slack/notifications/webhook/events.ts';
import { createPagerDutyTarget, createWebhookTarget } from '../../slack/notifications/webhook/send.ts';
import type { SlackPorts } from './ports.ts';

/** Whom the process tells of events outside of Slack; nobody, and nothing is stored, where no target is set. */
export function assembleWebhooks(
  ports: SlackPorts,
  alerts: Pick<AlertDelivery, 'put'>,
): { readonly sources: readonly Source[]; readonly services: readonly Service[] } {
  const { settings, runs, tables, deploys, clock, random, onError } = ports;
  const { webhookUrl, webhookSecret, pagerDutyUrl, pagerDutyRoutingKey } = settings;
  const sending = { pipeline: ports.name ?? settings.ocrFunction, clock };
  const targets = [
    ...(webhookUrl === '' ? [] : [createWebhookTarget({ url: webhookUrl, secret: webhookSecret }, sending)]),
    ...(pagerDutyRoutingKey === ''
      ? []
      : [createPagerDutyTarget({ url: pagerDutyUrl, routingKey: pagerDutyRoutingKey }, sending)]),
  ];
  if (targets.length === 0) return { sources: [], services: [] };
  const webhooks = createWebhookDelivery({
    targets,
    followUps: ports.webhookEvents,
    lease: ports.webhookLease,
    alerts,
    clock,
    random,
    onError,
  });
  const tell = async (event: WebhookEvent | undefined) => (event ? webhooks.put(event) : undefined);
  const ofDeploy = (event: DeployEvent) =>
    event.kind === 'approval-changed' ? eventOfApproval(event.approval, clock.now()) : undefined;
  const options = { resumesByItself: settings.autoResume };
  return {
    sources: [
      () => runs.watch((event) => tell(eventOfRun(event, clock.now(), options))),
      () => tables.watch((event) => tell(eventOfTable(event, clock.now()))),
      () => deploys.watch((event) => tell(ofDeploy(event))),
    ],
    services: [webhooks],
  };
}
