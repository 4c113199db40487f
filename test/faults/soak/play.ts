import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { startLocalAws } from '../../../sandbox/aws/server.ts';
import { startLocalSlack } from '../../../sandbox/slack/server.ts';
import { WIDE } from '../../support/rigs/runs-rig.ts';

const BOT = fileURLToPath(new URL('./soak-bot.ts', import.meta.url));
const MANIFEST = fileURLToPath(new URL('../../../manifest.yml', import.meta.url));
/** Enough that nothing expires on a busy machine in real time. */
const SLACK_WAITS_MS = 600_000;

const heldSchema = z.object({
  round: z.number(),
  minutes: z.number(),
  heapMb: z.number(),
  rssMb: z.number(),
  timers: z.number(),
  pools: z.number(),
  others: z.number(),
  descriptors: z.number(),
  listeners: z.number(),
  abortListeners: z.number(),
  sleepers: z.number(),
  warnings: z.number(),
});
export type HeldAfterRound = z.infer<typeof heldSchema>;

/** Plays so many rounds of so many minutes each; a request for approval expires after half of them. Calls `onRound` with what the bot holds after each. @throws when the bot fails */
export async function playSoak(
  form: { readonly minutes: number; readonly rounds: number },
  onRound: (held: HeldAfterRound) => void,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'rescan-soak-'));
  const aws = await startLocalAws({ port: 0, images: 20, seedTable: 'full' });
  aws.turn(WIDE);
  const slack = await startLocalSlack({
    port: 0,
    manifest: MANIFEST,
    rateLimits: 'off',
    acknowledgeWithinMs: SLACK_WAITS_MS,
    triggerLifeMs: SLACK_WAITS_MS,
  });
  const child = spawn(process.execPath, ['--expose-gc', BOT, String(form.minutes), String(form.rounds)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      TMPDIR: folder,
      SLACK_API_URL: `${slack.url}/api/`,
      SLACK_BOT_TOKEN: slack.tokens.bot,
      SLACK_APP_TOKEN: slack.tokens.app,
      SLACK_CHANNELS: 'C0TIMESHEET',
      OPERATORS: 'U0OPERATOR,U0APPROVER',
      APPROVERS: 'U0APPROVER',
      AWS_ENDPOINT_URL: aws.url,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
      STOP_FILE: join(folder, 'STOP'),
      LEASE_SECONDS: '300',
      APPROVAL_MINUTES: String(form.minutes / 2),
      LOG_LEVEL: process.env.TEST_LOG ?? 'silent',
    },
  });
  try {
    let errors = '';
    child.stderr.on('data', (part) => {
      errors = `${errors}${part}`.slice(-10_000);
    });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    for await (const line of createInterface({ input: child.stdout })) {
      const held = heldSchema.safeParse(JSON.parse(line));
      if (held.success) onRound(held.data);
      else console.error(line);
    }
    const code = await ended;
    if (code !== 0) throw new Error(`The bot ended with ${code}:\n${errors}`);
  } finally {
    child.kill('SIGKILL');
    await slack.close();
    await aws.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
