import { useEffect, useState } from 'preact/hooks';
import type { JsonRecord } from '../../../slack/rules/json.ts';
import { get } from '../api.ts';

const LOOK_EVERY_MS = 1_000;
/** Of the time, no more than a quarter is spent with looking: a scan of a large table takes long. */
const REST_FACTOR = 3;

/**
 * What the local AWS shows at these paths, looked at again and again while the page is seen; by path, undefined until it was had once.
 * `look` looks at once.
 */
export function useLooks(paths: readonly string[]): {
  readonly seen: Readonly<Record<string, JsonRecord | undefined>>;
  readonly look: () => Promise<void>;
  /** Whether the last look found nothing at all. */
  readonly isMissing: boolean;
} {
  const [seen, setSeen] = useState<Readonly<Record<string, JsonRecord | undefined>>>({});
  const [isMissing, setMissing] = useState(false);
  const look = async () => {
    const answers = await Promise.all(paths.map(async (path) => [path, await get(`/aws/sandbox/${path}`)] as const));
    const had = answers.filter(([, answer]) => answer !== undefined);
    setMissing(paths.length > 0 && had.length === 0);
    setSeen((before) => ({ ...before, ...Object.fromEntries(had) }));
  };
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    const again = async () => {
      const from = performance.now();
      if (!document.hidden) await look();
      const rest = Math.max(LOOK_EVERY_MS, (performance.now() - from) * REST_FACTOR);
      if (!isOver) timer = setTimeout(() => void again(), rest);
    };
    void again();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [paths.join(' ')]);
  return { seen, look, isMissing };
}
