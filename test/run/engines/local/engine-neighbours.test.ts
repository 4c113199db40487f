import { expect, test } from 'vitest';
import { number, processed, startRig, throttled } from '../../../support/rigs/engine-rig.ts';

/** Image 0 and 1, 2 and 3, … hold the same person and week. */
const pairsOf = (images: number) =>
  async function* (from: number) {
    for (let index = from; index < images; index++)
      yield { index, key: `image ${index}.png`, size: 1, group: Math.floor(index / 2) };
  };

test('two images of one person and week are never in flight together, and every image gets its outcome', async () => {
  const images = 40;
  const tookMs = 700;
  const rig = startRig({
    images,
    perMinute: 6_000,
    tookMs: () => tookMs,
    reply: (key, attempt) => (number(key) % 5 === 0 && attempt === 1 ? throttled() : processed()),
    ports: { manifest: pairsOf(images) },
  });
  await rig.play();
  expect(rig.run.totals.processed).toBe(images);
  const groupOf = (key: string) => Math.floor(number(key) / 2);
  for (const [at, call] of rig.invoked.entries())
    for (const other of rig.invoked.slice(at + 1))
      if (groupOf(other.key) === groupOf(call.key)) expect(Math.abs(other.at - call.at)).toBeGreaterThanOrEqual(tookMs);
});

test('a stop is not held up by an image that waits for its neighbour', async () => {
  const rig = startRig({
    images: 2,
    perMinute: 6_000,
    tookMs: () => 5_000,
    ports: { manifest: pairsOf(2) },
  });
  await rig.play(1_000);
  expect(rig.invoked.map(({ key }) => key)).toEqual(['image 0.png']);
  rig.drive.halt({ kind: 'stop', by: { kind: 'person', by: 'U1' }, now: false });
  await rig.play();
  expect((await rig.drive.ended).halt.kind).toBe('stop');
  expect(rig.invoked).toHaveLength(1);
});
