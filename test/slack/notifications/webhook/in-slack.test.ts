import { createServer } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { botInSlack } from '../../../support/rigs/bot-in-slack.ts';

test('a trip reaches the webhook with what Slack shows, and a receiver that is down is said once and holds up nothing', async () => {
  const bodies: { event: string; summary: string; id: string }[] = [];
  let status = 503;
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += String(part);
    if (status === 200) bodies.push(JSON.parse(body));
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const settings = { WEBHOOK_URL: `http://127.0.0.1:${port}/secret-path`, WEBHOOK_SECRET: 'a-secret-of-24-characters' };
  const bot = await botInSlack({ settings });
  await bot.command('operator', '/rescan start keep');
  await bot.click('operator', (await bot.message(/would invoke/)).ts, 'plan_start');
  await bot.message(/^Rescan r-0142 started/);
  await bot.message(/The webhook at `127\.0\.0\.1:\d+` did not take `run\.started`: `HTTP 503`/);
  await bot.runs.becomes({ kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } });
  await bot.message(/stopped itself.*Nothing is running/s);
  expect(bodies).toEqual([]);
  status = 200;
  await bot.until(async () => bodies.find(({ event }) => event === 'run.tripped'), 'the trip');
  expect(bodies.map(({ event }) => event)).toEqual(['run.started', 'run.tripped']);
  expect(bodies[1]?.summary).toBe('Rescan r-0142 stopped itself: 10 images failed in a row.');
  const failures = (await bot.state()).messages.filter(({ text }) => text.includes('The webhook at'));
  expect(failures).toHaveLength(1);
  expect(`${JSON.stringify(failures)}${bot.logLines()}`).not.toContain('secret-path');
});
