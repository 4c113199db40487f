import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { startRunsRig } from '../../support/rigs/runs-rig.ts';

const ESTABLISHED = '01';
/** Connections to this port of 127.0.0.1, as Linux counts them. */
function connectionsTo(port: number): number {
  const remote = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1);
  return lines.filter((line) => {
    const [, , to, state] = line.trim().split(/\s+/);
    return to === remote && state === ESTABLISHED;
  }).length;
}

const IN_FLIGHT = 40;

test('A run that has ended holds no connection to the function', async () => {
  const rig = await startRunsRig({ images: 120 });
  rig.realStepMs = 5;
  try {
    const bot = await rig.copy({ MAX_IN_FLIGHT: String(IN_FLIGHT), CONCURRENCY_PERCENT: '100' });
    rig.aws.turn({ latencyMs: 100 });
    const connections = () => connectionsTo(rig.aws.port);
    await rig.start(bot, { pace: { kind: 'fixed', perMinute: 30_000 } });
    await rig.until(() => (connections() > IN_FLIGHT ? true : undefined));
    await bot.listensTo('completed');
    // The local AWS keeps idle connections for a minute.
    await eventually(() => expect(connections()).toBeLessThan(IN_FLIGHT));
  } finally {
    await rig.close();
  }
});
