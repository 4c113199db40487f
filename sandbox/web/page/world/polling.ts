import { useEffect, useState } from 'preact/hooks';
import type { JsonRecord } from '../../../slack/rules/json.ts';
import { get } from '../api.ts';

const POLL_EVERY_MS = 1_000;
/** Polling uses at most a quarter of the time, because a scan of a large table takes long. */
const PAUSE_FACTOR = 3;

/**
 * The answers of the local AWS at these paths, by path; undefined before the first one. Polled while the page is
 * visible. `poll` polls at once.
 */
export function usePolling(paths: readonly string[]): {
  readonly answers: Readonly<Record<string, JsonRecord | undefined>>;
  readonly poll: () => Promise<void>;
  /** Whether the last poll got no answer. */
  readonly isMissing: boolean;
} {
  const [answers, setAnswers] = useState<Readonly<Record<string, JsonRecord | undefined>>>({});
  const [isMissing, setMissing] = useState(false);
  const poll = async () => {
    const answers = await Promise.all(paths.map(async (path) => [path, await get(`/aws/sandbox/${path}`)] as const));
    const had = answers.filter(([, answer]) => answer !== undefined);
    setMissing(paths.length > 0 && had.length === 0);
    setAnswers((before) => ({ ...before, ...Object.fromEntries(had) }));
  };
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    const again = async () => {
      const from = performance.now();
      if (!document.hidden) await poll();
      const pauseMs = Math.max(POLL_EVERY_MS, (performance.now() - from) * PAUSE_FACTOR);
      if (!isOver) timer = setTimeout(() => void again(), pauseMs);
    };
    void again();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [paths.join(' ')]);
  return { answers, poll, isMissing };
}
