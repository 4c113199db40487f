import type { App } from '@slack/bolt';
import type { Clock } from '../../lib/clock.ts';
import { classifySlackError } from './slack-errors.ts';

/** Slack says hello within a second or two; without it, Bolt waits for ever. */
const CONNECT_MS = 15_000;
const LONGEST_WAIT_MS = 30_000;

interface ConnectPorts {
  readonly clock: Clock;
  readonly closing: AbortSignal;
  readonly onError: (error: unknown, message: string) => void;
}

/**
 * Resolves when commands and clicks arrive, or after 15 s at most while it goes on trying. Throws where Slack does not
 * accept a token: trying again would be of no use.
 */
export async function connectOrTryOn(app: Pick<App, 'init' | 'start'>, ports: ConnectPorts): Promise<void> {
  const connecting = connect(app);
  const waited = new AbortController();
  try {
    const first = await Promise.race([
      connecting.then(() => 'connected' as const),
      ports.clock.sleep(CONNECT_MS, waited.signal).then(() => 'late' as const),
    ]);
    if (first === 'late') void connecting.catch((error: unknown) => tryOn(app, ports, error));
  } catch (error) {
    if (classifySlackError(error).kind === 'refused') throw error;
    void tryOn(app, ports, error);
  } finally {
    waited.abort();
  }
}

async function connect(app: Pick<App, 'init' | 'start'>): Promise<void> {
  await app.init();
  await app.start();
}

/** Until it is connected or the bot goes down; each failure is told. */
async function tryOn(app: Pick<App, 'init' | 'start'>, ports: ConnectPorts, failure: unknown): Promise<void> {
  let error = failure;
  for (let attempt = 0; !ports.closing.aborted; attempt++) {
    ports.onError(error, 'Slack cannot be reached; runs go on, and it is tried again');
    await ports.clock.sleep(Math.min(LONGEST_WAIT_MS, 1_000 * 2 ** Math.min(attempt, 10)), ports.closing);
    if (ports.closing.aborted) return;
    try {
      return await connect(app);
    } catch (again) {
      error = again;
    }
  }
}
