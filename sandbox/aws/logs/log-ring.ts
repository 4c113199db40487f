/** One line of the function's log. */
export interface LogLine {
  readonly id: number;
  readonly at: number;
  /** When CloudWatch shows it. */
  readonly ingestedAt: number;
  readonly stream: string;
  readonly message: string;
}

const MOST_LINES = 50_000;

/** The newest lines of the function's log. */
export interface LogRing {
  add(at: number, stream: string, message: string): void;
  /** The lines that can be read now, in the order in which CloudWatch received them. */
  lines(): readonly LogLine[];
  clear(): void;
}

/** `delay`: how long after it was written the next line can be read, ms. */
export function createLogRing(delay: () => number = () => 0): LogRing {
  let lines: LogLine[] = [];
  /** On their way to CloudWatch. */
  let late: Omit<LogLine, 'id'>[] = [];
  let next = 1;
  function receive(): void {
    const now = Date.now();
    const arrived = late.filter(({ ingestedAt }) => ingestedAt <= now).sort((a, b) => a.ingestedAt - b.ingestedAt);
    if (arrived.length === 0) return;
    late = late.filter(({ ingestedAt }) => ingestedAt > now);
    for (const line of arrived) lines.push({ id: next++, ...line });
    if (lines.length > MOST_LINES) lines = lines.slice(-MOST_LINES / 2);
  }
  return {
    add(at, stream, message) {
      late.push({ at, ingestedAt: at + delay(), stream, message });
      receive();
    },
    lines() {
      receive();
      return lines;
    },
    clear() {
      lines = [];
      late = [];
    },
  };
}
