import { settleWithin } from '../../lib/async/within.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Warn } from '../../lib/warn-once.ts';
import type { Measurement } from '../../pipeline/metrics/put-metrics.ts';

/** What must not be left alone while it is active. */
export type WorkKind = 'run' | 'table-job' | 'backup';

export interface WatchedWork {
  readonly kind: WorkKind;
  /** Whether it is active on record: some process should be driving it. @throws when that cannot be read */
  readonly isActive: () => Promise<boolean>;
  /** Whether this process drives it at this moment. */
  readonly isDriven: () => boolean;
}

export interface HeartbeatPorts {
  /** The name of the pipeline in the metrics. */
  readonly pipeline: string;
  readonly works: readonly WatchedWork[];
  readonly put: (measurements: readonly Measurement[], signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  /** For what is found again every minute. */
  readonly warnOnce: Warn;
}

export interface Heartbeat {
  /** Begins to report, once a minute. Returns at once. */
  standBy(): void;
  /** Work began or ended: reports now. Returns at once. */
  changed(): void;
  /** Resolves when nothing more is sent. */
  shutDown(): Promise<void>;
}

const EVERY_MS = 60_000;
/** A report that is not accepted within this time is given up; the next one follows. */
const PATIENCE_MS = 45_000;
/** A control table that does not answer within this time is unreadable: the rest is left for the report. */
const READ_MS = 10_000;

/**
 * Tells CloudWatch every minute which work is active on record (`ActiveWork`, 1 or 0), and with `Heartbeat` (1) that
 * none is or that this process drives it. A process that sees active work which it does not drive sends no heartbeat
 * for it. So work that nobody drives has no heartbeat, whether its process died, hangs or lost its lease, and an alarm
 * tells it from idleness by the last `ActiveWork`. Nothing here ends or delays other work.
 */
export function createHeartbeat(ports: HeartbeatPorts): Heartbeat {
  const { pipeline, works, clock, warnOnce } = ports;
  const stopped = new AbortController();
  let changes = new AbortController();
  let reporting: Promise<void> | undefined;

  /** As the clock, but a shutdown ends the wait. */
  const untilStopped: Pick<Clock, 'sleep'> = {
    sleep: (ms, signal) => clock.sleep(ms, AbortSignal.any([stopped.signal, ...(signal ? [signal] : [])])),
  };

  /** Whether the work is active on record; undefined where that cannot be read in time. */
  async function readActive({ kind, isActive }: WatchedWork): Promise<boolean | undefined> {
    const active = await settleWithin(untilStopped, READ_MS, isActive);
    if (active.ok) return active.value;
    if (!stopped.signal.aborted)
      warnOnce(`whether a ${kind} is active cannot be read, so the heartbeat does not say it`, active.refusal);
    return undefined;
  }

  async function measureWork(work: WatchedWork): Promise<readonly Measurement[]> {
    const about = { dimensions: { Pipeline: pipeline, Work: work.kind }, at: clock.now() };
    const active = await readActive(work);
    const measured: Measurement[] = [];
    if (active !== undefined) measured.push({ ...about, name: 'ActiveWork', value: active ? 1 : 0 });
    // An unreadable record may be one of active work: only its driver may say that all is well.
    if (active === false || work.isDriven()) measured.push({ ...about, name: 'Heartbeat', value: 1 });
    return measured;
  }

  async function report(): Promise<void> {
    const sent = new AbortController();
    const late = new AbortController();
    void clock.sleep(PATIENCE_MS, AbortSignal.any([sent.signal, stopped.signal])).then(() => late.abort());
    try {
      const measured = await Promise.all(works.map(measureWork));
      await ports.put(measured.flat(), late.signal);
    } catch (error) {
      if (!stopped.signal.aborted) warnOnce('the heartbeat could not be sent to CloudWatch', error);
    } finally {
      sent.abort();
    }
  }

  async function reportUntilStopped(): Promise<void> {
    while (!stopped.signal.aborted) {
      // Before the report: a change during it is reported next, at once.
      changes = new AbortController();
      await report();
      await clock.sleep(EVERY_MS, AbortSignal.any([changes.signal, stopped.signal]));
    }
  }

  return {
    standBy() {
      reporting ??= reportUntilStopped();
    },
    changed: () => changes.abort(),
    async shutDown() {
      stopped.abort();
      await reporting;
    },
  };
}
