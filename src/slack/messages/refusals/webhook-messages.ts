import { code } from '../kit/escape.ts';
import { type Message, say } from '../kit/message.ts';

interface FailedWebhook {
  readonly name: 'webhook' | 'pagerduty';
  readonly host: string;
  readonly why: string;
  readonly event: string;
}

const NAMES = { webhook: 'The webhook', pagerduty: 'PagerDuty' } as const;
const SETTINGS = {
  webhook: '`WEBHOOK_URL` and `WEBHOOK_SECRET`',
  pagerduty: '`PAGERDUTY_ROUTING_KEY` and `PAGERDUTY_URL`',
} as const;

export const webhookFailedMessage = ({ name, host, why, event }: FailedWebhook): Message =>
  say(
    `:warning: ${NAMES[name]} at ${code(host, 120)} did not take ${code(event, 60)}: ${code(why, 120)}.`,
    'The bot repeats it for up to 24 h, and later events follow in order. Runs and messages in Slack do not wait for it.',
  );

export const webhookRefusedMessage = ({ name, host, why, event }: FailedWebhook): Message =>
  say(
    `:warning: ${NAMES[name]} at ${code(host, 120)} did not take ${code(event, 60)}: ${code(why, 120)}. It is not repeated.`,
    `Check ${SETTINGS[name]} of the bot. Runs and messages in Slack are not affected.`,
  );
