import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { type LocalSlack, startLocalSlack } from '../../../sandbox/slack/server.ts';
import { eventually } from '../../support/eventually.ts';
import { boltApp, clientOf, manifestWith, person, slackForTest, stateOf } from './harness.ts';

const ENVELOPE = z.looseObject({
  type: z.string(),
  envelope_id: z.string().optional(),
  retry_attempt: z.number().optional(),
});

/** A plain Socket Mode client: the received frames, and a function to acknowledge. */
async function link(slack: LocalSlack, path?: string) {
  const { url } = await clientOf(slack, slack.tokens.app).apps.connections.open();
  const socket = new WebSocket(path ? `${slack.url.replace('http', 'ws')}${path}` : (url ?? ''));
  const received: z.output<typeof ENVELOPE>[] = [];
  socket.on('message', (data) => received.push(ENVELOPE.parse(JSON.parse(data.toString()))));
  onTestFinished(() => socket.terminate());
  await once(socket, 'open');
  await eventually(() => expect(received.length).toBeGreaterThan(0));
  return { socket, received, url, of: (type: string) => received.filter((envelope) => envelope.type === type) };
}

describe('Socket Mode', () => {
  it('Socket Mode distributes envelopes over the connections', async () => {
    const slack = await slackForTest();
    const heard: string[] = [];
    for (const name of ['first', 'second'])
      await boltApp(slack, (app) =>
        app.command('/demo', async ({ ack }) => {
          heard.push(name);
          await ack();
        }),
      );
    for (let count = 0; count < 4; count++)
      await person(slack, 'command', { user: 'operator', channel: 'random', text: '/demo' });
    expect(heard).toEqual(['first', 'second', 'first', 'second']);
  });

  it('Socket Mode sends hello with the number of connections and refuses the eleventh', async () => {
    const slack = await slackForTest();
    const links = [];
    for (let count = 0; count < 11; count++) links.push(await link(slack));
    expect(links[0]?.received).toMatchObject([
      { type: 'hello', num_connections: 1, connection_info: { app_id: 'A0SANDBOX' } },
    ]);
    expect(links[9]?.received).toMatchObject([{ type: 'hello', num_connections: 10 }]);
    expect(links[10]?.received).toMatchObject([{ type: 'disconnect', reason: 'too_many_websockets' }]);
  });

  it('a Socket Mode link can be used once', async () => {
    const slack = await slackForTest();
    const first = await link(slack);
    const again = new WebSocket(first.url ?? '');
    const [error] = await once(again, 'error');
    expect(String(error)).toContain('401');
  });

  it('an app whose connection is refreshed reconnects and receives commands again', async () => {
    const slack = await slackForTest();
    await boltApp(slack, (app) => app.command('/demo', ({ ack }) => ack('here')));
    const [before] = (await stateOf(slack)).connections;
    expect(await person(slack, 'disconnect', { reason: 'refresh_requested' })).toMatchObject({ notified: 1 });
    await eventually(async () => {
      const [now] = (await stateOf(slack)).connections;
      expect(now?.leaving).toBe(false);
      expect(now?.id).not.toBe(before?.id);
    });
    expect(await person(slack, 'command', { user: 'operator', channel: 'random', text: '/demo' })).toMatchObject({
      response: { text: 'here' },
    });
  });

  it('an event whose connection ended before its acknowledgement is redelivered, and a command is not', async () => {
    const slack = await slackForTest();
    const dying = await link(slack);
    const home = person(slack, 'home', { user: 'viewer' });
    await eventually(() => expect(dying.of('events_api')).toMatchObject([{ retry_attempt: 0 }]));
    dying.socket.terminate();
    expect(await home).toMatchObject({ acknowledged: false, reason: 'connection-lost' });
    const living = await link(slack);
    await eventually(() => expect(living.of('events_api')).toMatchObject([{ retry_attempt: 1 }]));
    living.socket.send(JSON.stringify({ envelope_id: living.of('events_api')[0]?.envelope_id }));

    const command = person(slack, 'command', { user: 'viewer', channel: 'random', text: '/demo' });
    await eventually(() => expect(living.of('slash_commands')).toHaveLength(1));
    living.socket.terminate();
    expect(await command).toMatchObject({ ok: false, reason: 'connection-lost' });
    const last = await link(slack);
    await person(slack, 'message', { user: 'viewer', channel: 'random', text: 'time passes' });
    expect(last.of('slash_commands')).toEqual([]);
  });

  it('connections are cut and refused while links are down', async () => {
    const slack = await slackForTest();
    const { socket } = await link(slack);
    const closed = once(socket, 'close');
    await person(slack, 'slack-world', { linksDown: true });
    await closed;
    await expect(link(slack)).rejects.toThrow('503');
  });
});

describe('the event stream', () => {
  it('the event stream sends new events, and the events that a reader missed', async () => {
    const slack = await slackForTest();
    const { chat } = clientOf(slack);
    const since = (await stateOf(slack)).lastEventId;
    const { ts = '' } = await chat.postMessage({ channel: 'C0TIMESHEET', text: 'one' });
    await chat.update({ channel: 'C0TIMESHEET', ts, text: 'two' });
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    const response = await fetch(`${slack.url}/sandbox/events`, {
      headers: { 'last-event-id': String(since) },
      signal: stop.signal,
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const until = async (wanted: string) => {
      while (!text.includes(wanted)) text += (await reader?.read())?.value ?? '';
    };
    await until('event: message_changed');
    await chat.delete({ channel: 'C0TIMESHEET', ts });
    await until('event: message_deleted');
    expect([...text.matchAll(/^event: (\w+)$/gm)].map((match) => match[1])).toEqual([
      'message',
      'message_changed',
      'message_deleted',
    ]);
  });
});

describe('start and stop', () => {
  it('a port in use is an error that names the port', async () => {
    const slack = await slackForTest();
    await expect(slackForTest({ port: slack.port })).rejects.toMatchObject({
      name: 'PortInUseError',
      port: slack.port,
    });
  });

  it('the action on the bot is passed to the caller that started the local Slack', async () => {
    const alone = await slackForTest();
    expect(await person(alone, 'bot', { do: 'kill' })).toMatchObject({ status: 501 });
    const slack = await slackForTest({ onBot: (action) => ({ did: action }) });
    expect(await person(slack, 'bot', { do: 'start' })).toMatchObject({ ok: true, bot: { did: 'start' } });
    expect(await person(slack, 'bot', { do: 'dance' })).toMatchObject({ status: 400 });
  });

  it('the port is free after the close', async () => {
    const manifest = manifestWith(['chat:write']);
    const first = await startLocalSlack({ port: 0, manifest });
    await first.close();
    const second = await startLocalSlack({ port: first.port, manifest });
    await second.close();
    expect(second.port).toBe(first.port);
  });
});

describe('the local Slack', () => {
  it('the local Slack imports nothing from src', () => {
    const home = resolve('sandbox/slack');
    const strays = globSync(`${home}/**/*.ts`).flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/from '(\.[^']+)'/g)]
        .map(([, path = '']) => relative(home, resolve(dirname(file), path)))
        .filter((path) => path.startsWith('..')),
    );
    expect(strays).toEqual([]);
  });
});
