import type { Random } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';

/** Logs why a request failed. Returns the reference under which the log has it: 8 hex digits. */
export type ReportError = (error: unknown, request: string) => string;

export const createErrorReporter =
  (logger: Pick<Logger, 'error'>, random: Random): ReportError =>
  (error, request) => {
    const ref = Math.floor(random() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, '0');
    logger.error({ err: error, ref, request }, 'A request failed.');
    return ref;
  };
