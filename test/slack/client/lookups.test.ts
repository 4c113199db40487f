import { LogLevel, WebClient } from '@slack/web-api';
import { expect, test } from 'vitest';
import { createLookups } from '../../../src/slack/client/lookups.ts';
import { clientOf, slackForTest } from '../../sandbox/slack/harness.ts';
import { startWire } from '../../support/aws/wire.ts';

test('user groups, channels and people are read from Slack', async () => {
  const lookups = createLookups(clientOf(await slackForTest()));
  expect(await lookups.membersOf('S0OPERATORS')).toContain('U0OPERATOR');
  expect(await lookups.readChannel('C0TIMESHEET')).toMatchObject({ is_member: true });
  expect(await lookups.readUser('U0OPERATOR')).toMatchObject({ id: 'U0OPERATOR' });
});

test('the direct messages of a person are opened once', async () => {
  const slack = await slackForTest();
  const { directChannel } = createLookups(clientOf(slack));
  expect(await directChannel('U0OPERATOR')).toBe('D0OPERATOR');
  await fetch(`${slack.url}/sandbox/slack-world`, { method: 'POST', body: JSON.stringify({ down: true }) });
  expect(await directChannel('U0OPERATOR')).toBe('D0OPERATOR');
});

test('the workspace of the bot is looked up once', async () => {
  const wire = await startWire(() => ({
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ok: true, team_id: 'T1' }),
  }));
  const client = new WebClient('xoxb-1', { slackApiUrl: `${wire.url}/`, logLevel: LogLevel.ERROR });
  const { teamId } = createLookups(client);
  expect([await teamId(), await teamId()]).toEqual(['T1', 'T1']);
  expect(wire.requests).toHaveLength(1);
  await wire.stop();
});

test('a workspace that Slack does not name is an error', async () => {
  const wire = await startWire(() => ({
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ok: true }),
  }));
  const client = new WebClient('xoxb-1', { slackApiUrl: `${wire.url}/`, logLevel: LogLevel.ERROR });
  await expect(createLookups(client).teamId()).rejects.toThrow('returned no team_id');
  await wire.stop();
});
