import { anyText, boolean, matching, oneOf, seconds, setting, url } from '../lib/environment.ts';
import { slackIncoming } from './incoming.ts';

/** Settings of the process. They are read from the environment only: tokens do not belong in a file of pipelines. */

export const slack = {
  slackBotToken: setting('SLACK_BOT_TOKEN', "The app's bot token.", matching('a bot token (xoxb-…)', /^xoxb-/)),
  ...slackIncoming,
  slackApiUrl: setting('SLACK_API_URL', 'Where the Slack Web API is.', url, 'https://slack.com/api/'),
};

export const operation = {
  pipelinesFile: setting(
    'PIPELINES_FILE',
    'A YAML file with the settings of several pipelines. Empty: one pipeline, whose settings are in the environment.',
    anyText,
    '',
  ),
  shutdownMs: setting(
    'SHUTDOWN_SECONDS',
    'After SIGTERM the process exits within this time. Keep it below the time after which the platform sends SIGKILL.',
    seconds(5, 300),
    '20',
  ),
  cloudwatchHeartbeat: setting(
    'CLOUDWATCH_HEARTBEAT',
    'Whether the bot reports every minute to CloudWatch (namespace RescanBot) which work is active and driven. Alarms without Slack need it.',
    boolean,
    'true',
  ),
  logLevel: setting(
    'LOG_LEVEL',
    'The least important log lines that are written.',
    oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    'info',
  ),
};
