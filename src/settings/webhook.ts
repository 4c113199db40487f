import { type Contradiction, matching, optional, setting, text } from '../lib/environment.ts';

/** Settings of the process: who outside of Slack hears of events. Read from the environment only, because they are secret. */

/** HTTPS, or HTTP within this machine: the body must not be readable on the network. */
const isSafe = (given: string): boolean => {
  if (!URL.canParse(given)) return false;
  const { protocol, hostname } = new URL(given);
  return protocol === 'https:' || (protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(hostname));
};
const safeUrl = text('an https URL (http only for 127.0.0.1)', isSafe);

export const webhook = {
  webhookUrl: setting(
    'WEBHOOK_URL',
    'Where events of runs, table jobs and approvals are sent as signed JSON. Empty: nowhere.',
    optional(safeUrl),
    '',
  ),
  webhookSecret: setting(
    'WEBHOOK_SECRET',
    'The key of the signature (HMAC-SHA256). Needed with WEBHOOK_URL.',
    optional(matching('at least 16 characters without spaces', /^\S{16,}$/)),
    '',
  ),
  pagerDutyRoutingKey: setting(
    'PAGERDUTY_ROUTING_KEY',
    'The integration key of a PagerDuty service (Events API v2): an incident for a run that trips or pauses because of a fault, resolved when it continues.',
    optional(matching('a key of 32 letters and digits', /^[A-Za-z0-9]{32}$/)),
    '',
  ),
  pagerDutyUrl: setting(
    'PAGERDUTY_URL',
    'The Events API of PagerDuty. Accounts in the EU: https://events.eu.pagerduty.com/v2/enqueue.',
    safeUrl,
    'https://events.pagerduty.com/v2/enqueue',
  ),
};

/** An unsigned webhook could be forged by anyone who knows its URL. */
export const webhookContradictions = (settings: {
  readonly webhookUrl?: string;
  readonly webhookSecret?: string;
}): readonly Contradiction[] =>
  settings.webhookUrl !== undefined && settings.webhookUrl !== '' && settings.webhookSecret === ''
    ? [['WEBHOOK_SECRET', 'a secret of at least 16 characters, because WEBHOOK_URL is set']]
    : [];
