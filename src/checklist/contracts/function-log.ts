import type { LogLine, LogWindow } from '../../pipeline/logs/logs.ts';
import type { Stops } from '../../state/stops/stops.ts';

/** The log of the function. */
export interface FunctionLog {
  findLines(window: LogWindow): AsyncIterable<LogLine>;
  followLines(window: LogWindow & { readonly signal: AbortSignal }): AsyncIterable<readonly LogLine[]>;
  /** Requests from other processes of the bot to stop following the log. */
  readonly followStops: Stops;
}
