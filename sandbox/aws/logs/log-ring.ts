/** One line of the function's log. */
export interface LogLine {
  readonly id: number;
  readonly at: number;
  readonly stream: string;
  readonly message: string;
}

const MOST_LINES = 50_000;

/** The newest lines of the function's log, in order of arrival. */
export interface LogRing {
  add(at: number, stream: string, message: string): void;
  lines(): readonly LogLine[];
  clear(): void;
}

export function createLogRing(): LogRing {
  let lines: LogLine[] = [];
  let next = 1;
  return {
    add(at, stream, message) {
      lines.push({ id: next++, at, stream, message });
      if (lines.length > MOST_LINES) lines = lines.slice(-MOST_LINES / 2);
    },
    lines: () => lines,
    clear() {
      lines = [];
    },
  };
}
