export type Warn = (message: string, cause: unknown) => void;

const MOST_REMEMBERED = 1_000;

/** Reports each message once per process: for what is found again at every look, such as a record that cannot be read. */
export function warnOnce(warn: Warn): Warn {
  const reported = new Set<string>();
  return (message, cause) => {
    if (reported.has(message)) return;
    if (reported.size >= MOST_REMEMBERED) reported.clear();
    reported.add(message);
    warn(message, cause);
  };
}
