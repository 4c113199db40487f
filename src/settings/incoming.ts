import { type Contradiction, matching, oneOf, optional, setting, whole } from '../lib/environment.ts';
import { slackModeOf } from '../slack/client/receiver/slack-mode.ts';

/** Settings of how Slack reaches the process, and of its HTTP port. */

export const slackIncoming = {
  slackMode: setting(
    'SLACK_MODE',
    'How requests of Slack reach the bot: `socket` over a connection that the bot opens (SLACK_APP_TOKEN), `http` as requests to HTTP_PORT (SLACK_SIGNING_SECRET). `auto`: whichever of the two is set.',
    oneOf('auto', 'socket', 'http'),
    'auto',
  ),
  slackAppToken: setting(
    'SLACK_APP_TOKEN',
    'For Socket Mode: the app-level token with the scope `connections:write`.',
    optional(matching('an app-level token (xapp-…)', /^xapp-/)),
    '',
  ),
  slackSigningSecret: setting(
    'SLACK_SIGNING_SECRET',
    'For Slack over HTTP: the signing secret of the app. The request URL of commands, interactivity and events ends with `/slack/events`.',
    optional(matching('a signing secret: 16 to 128 letters and digits', /^[A-Za-z0-9]{16,128}$/)),
    '',
  ),
};

export const http = {
  httpPort: setting(
    'HTTP_PORT',
    'The port for `/healthz`, `/readyz` and `/metrics`, and for Slack over HTTP. Empty: no port is opened.',
    optional(whole(1, 65_535)),
    '',
  ),
  httpHost: setting(
    'HTTP_HOST',
    'The address on which HTTP_PORT listens. Health and metrics need no password, so by default only this machine reaches them; 0.0.0.0 in a container.',
    matching('an IP address or a host name', /^[A-Za-z0-9.:-]{1,253}$/),
    '127.0.0.1',
  ),
};

interface Incoming {
  readonly slackMode: 'auto' | 'socket' | 'http';
  readonly slackAppToken: string;
  readonly slackSigningSecret: string;
}

/**
 * What is missing for the way in which Slack reaches the bot, or that it is not clear. Nothing is guessed: the wrong one of
 * the two starts a bot that nobody can stop from Slack.
 */
export function incomingContradictions(
  settings: Partial<Incoming> & { readonly httpPort?: number | '' },
): readonly Contradiction[] {
  const { slackMode, slackAppToken, slackSigningSecret, httpPort } = settings;
  // One of them is malformed, which is reported by itself.
  if (slackMode === undefined || slackAppToken === undefined || slackSigningSecret === undefined) return [];
  const [hasToken, hasSecret] = [slackAppToken !== '', slackSigningSecret !== ''];
  if (slackMode === 'auto' && hasToken && hasSecret)
    return [['SLACK_MODE', 'socket or http, because SLACK_APP_TOKEN and SLACK_SIGNING_SECRET are both set']];
  if (slackMode === 'auto' && !hasToken && !hasSecret)
    return [
      ['SLACK_APP_TOKEN', 'an app-level token (xapp-…), or SLACK_SIGNING_SECRET in its place for Slack over HTTP'],
    ];
  if (slackModeOf({ slackMode, slackAppToken }) === 'socket')
    return hasToken ? [] : [['SLACK_APP_TOKEN', 'an app-level token (xapp-…), because SLACK_MODE is socket']];
  const found: Contradiction[] = [];
  if (!hasSecret) found.push(['SLACK_SIGNING_SECRET', 'the signing secret of the app, because SLACK_MODE is http']);
  if (httpPort === '') found.push(['HTTP_PORT', 'a port, because Slack reaches the bot over HTTP']);
  return found;
}
