import { expect, test } from 'vitest';
import type { RunLocation } from '../../../src/run/model/run-control.ts';
import { createMessageLinks } from '../../../src/slack/delivery/message-links.ts';
import { runSnapshot } from '../../support/memory/scripted-run-control.ts';

function messageLinks(options: { location?: () => RunLocation | undefined; permalink?: () => string } = {}) {
  const errors: string[] = [];
  const links = createMessageLinks({
    runs: { location: async () => (options.location ? options.location() : { channel: 'C1', ts: '1.0' }) },
    chat: {
      permalink: async ({ channel, ts }) => (options.permalink ? options.permalink() : `https://${channel}/${ts}`),
    },
    onError: (_error, message) => errors.push(message),
  });
  return { links, errors };
}
const fail = (message: string) => () => {
  throw new Error(message);
};

test('the live message of a run has a link, also by way of a refusal about the run', async () => {
  const { links } = messageLinks();
  expect(await links.toRun('r-0001')).toBe('https://C1/1.0');
  expect(await links.toRunOf({ reason: 'run-active', run: runSnapshot() })).toBe('https://C1/1.0');
  expect(await links.toRunOf({ reason: 'no-run' })).toBeUndefined();
});

test('what has no message has no link', async () => {
  const { links, errors } = messageLinks({ location: () => undefined });
  expect(await links.toRun('r-0001')).toBeUndefined();
  expect(await links.to(undefined)).toBeUndefined();
  expect(await links.to({ channel: 'C1' })).toBeUndefined();
  expect(errors).toEqual([]);
});

test('a link that cannot be read is logged and left out', async () => {
  const noTable = messageLinks({ location: fail('The control table is down') });
  expect(await noTable.links.toRun('r-0001')).toBeUndefined();
  expect(noTable.errors).toEqual(['The location of the message of r-0001 cannot be read.']);
  const noSlack = messageLinks({ permalink: fail('Slack is down') });
  expect(await noSlack.links.toRun('r-0001')).toBeUndefined();
  expect(noSlack.errors).toEqual(['The link to a message cannot be read.']);
});
