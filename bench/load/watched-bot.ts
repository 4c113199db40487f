import { appendFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { z } from 'zod';
import { countResources } from '../../test/faults/soak/resources.ts';

/** The bot as it is started, which also writes a JSON line with what it holds to BENCH_HELD, every BENCH_HELD_MS. */
setFlagsFromString('--expose-gc');
const collect = z.custom<() => void>((found) => typeof found === 'function').parse(runInNewContext('gc'));
const measure = countResources(collect);
const path = process.env.BENCH_HELD ?? '';
setInterval(async () => {
  appendFileSync(path, `${JSON.stringify({ at: Date.now(), ...(await measure()) })}\n`);
}, Number(process.env.BENCH_HELD_MS)).unref();

await import('../../src/main.ts');
