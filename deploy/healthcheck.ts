import { readFileSync } from 'node:fs';

/**
 * The health check of the container: with HTTP_PORT it asks `/healthz`, which fails while the event loop is blocked;
 * without, it only looks whether the first process of the container is the bot. Exits with 0 or 1.
 */

const TIMEOUT_MS = 5_000;
/** Addresses that mean "all of this machine" are asked on the loopback. */
const LOOPBACK: Readonly<Record<string, string>> = { '': '127.0.0.1', '0.0.0.0': '127.0.0.1', '::': '[::1]' };

/** Why the bot is not healthy; undefined when it is. Never throws. */
export async function findProblem(
  environment: Readonly<Record<string, string | undefined>>,
  firstCommand: () => string,
): Promise<string | undefined> {
  const { HTTP_PORT: port = '', HTTP_HOST: host = '' } = environment;
  try {
    if (port === '') return /\bsrc\/main\.ts\b/.test(firstCommand()) ? undefined : 'process 1 is not the bot';
    const address = LOOPBACK[host] ?? (host.includes(':') ? `[${host}]` : host);
    const answer = await fetch(`http://${address}:${port}/healthz`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return answer.ok ? undefined : `/healthz answered ${answer.status}: ${await answer.text()}`;
  } catch (error) {
    return `the bot does not answer: ${error instanceof Error ? error.message : String(error)}`;
  }
}

if (import.meta.main) {
  const problem = await findProblem(process.env, () => readFileSync('/proc/1/cmdline', 'utf8').replaceAll('\0', ' '));
  if (problem !== undefined) console.error(problem);
  process.exitCode = problem === undefined ? 0 : 1;
}
