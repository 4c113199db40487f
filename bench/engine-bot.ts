import { createInterface } from 'node:readline';
import type { MiddlewareStack } from '@smithy/types';
import { createContext } from '../src/app/context.ts';
import { assembleRuns } from '../src/app/runs/runs.ts';
import { systemClock } from '../src/lib/clock.ts';
import { createLogger } from '../src/lib/log.ts';
import { createAwsClients } from '../src/pipeline/aws.ts';
import { TIMESHEETS } from '../src/pipeline/profile/timesheets.ts';
import { readSettings } from '../src/settings.ts';
import { openControlTable } from '../src/state/table/control-table.ts';

/**
 * The bot without Slack in a process of its own, so that it can be killed. It prints a JSON line for each event of a run and, every
 * ten seconds, for its calls to Step Functions and the queries of the control table; it reads requests from its input, one word a line.
 */
const settings = readSettings({
  ...process.env,
  SLACK_BOT_TOKEN: 'xoxb-1',
  SLACK_APP_TOKEN: 'xapp-1',
  SLACK_CHANNELS: 'C01',
  LOG_LEVEL: 'error',
});
const aws = createAwsClients();
const calls = new Map<string, number>();
function count<Input extends object, Output extends object>(stack: MiddlewareStack<Input, Output>): void {
  stack.add(
    (next, { commandName = 'unknown' }) =>
      (args) => {
        calls.set(commandName, (calls.get(commandName) ?? 0) + 1);
        return next(args);
      },
    { step: 'initialize', name: 'counted' },
  );
}
count(aws.sfn.middlewareStack);
count(aws.dynamodb.middlewareStack);
const table = await openControlTable({ dynamodb: aws.dynamodb, tableName: settings.controlTable, clock: systemClock });
const runs = assembleRuns(
  createContext({
    settings,
    profile: TIMESHEETS,
    aws,
    table,
    clock: systemClock,
    random: Math.random,
    logger: createLogger(settings.logLevel),
    holder: `bench-${process.pid}`,
  }),
);
const print = (line: object) => console.log(JSON.stringify(line));
runs.watch(({ kind, snapshot }) => print({ kind, snapshot }));

const COUNT_EVERY_MS = 10_000;
setInterval(() => {
  print({ kind: 'calls', ms: COUNT_EVERY_MS, calls: Object.fromEntries(calls) });
  calls.clear();
}, COUNT_EVERY_MS);

const by = 'bench';
const location = { channel: 'C01' };
async function start(): Promise<unknown> {
  const paceSetting = { kind: 'fixed', perMinute: Number(process.env.BENCH_PACE) } as const;
  const planned = await runs.plan({ selection: {}, paceSetting, by, location });
  return planned.ok ? runs.start(planned.value.runId, by, { location }) : planned;
}
const requests: Readonly<Record<string, () => Promise<unknown>>> = {
  start,
  pause: () => runs.pause(by),
  resume: () => runs.resume(by),
  end: async () => {
    await runs.shutDown();
    process.exit(0);
  },
};
runs.standBy();
print({ kind: 'ready' });
for await (const line of createInterface({ input: process.stdin }))
  print({ kind: 'answer', to: line, answer: await requests[line.trim()]?.() });
