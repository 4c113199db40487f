import type { Clock, Random } from '../../../lib/clock.ts';
import { defined } from '../../../lib/defined.ts';
import { settle } from '../../../lib/result.ts';
import type { Fault, Invocation } from '../../../pipeline/invoke/invocation.ts';
import { NotSentError } from '../../../pipeline/may-send.ts';
import type { ManifestEntry } from '../../model/types.ts';
import type { Drive, Engine, Hands, LoopPorts } from '../engine.ts';
import { driveWith } from '../loop.ts';
import type { EngineEvent } from '../reducer/engine-events.ts';
import type { LiveRun } from '../reducer/live-run.ts';

/** What the hands of the local engine need from outside. */
interface HandsPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** The manifest, in order, from the first image on that may have no outcome. */
  readonly manifest: (from: number) => AsyncIterable<ManifestEntry>;
  readonly invoke: (key: string, signal: AbortSignal) => Promise<Invocation>;
  /** Closes the connections to the function. */
  readonly closeFunction?: () => void;
  readonly readFault: (error: unknown) => Fault;
  readonly warn: (message: string, cause: unknown) => void;
}
export type EnginePorts = LoopPorts & HandsPorts;

export interface LocalEnginePorts extends Omit<HandsPorts, 'manifest' | 'invoke' | 'closeFunction'> {
  readonly manifest: (runId: string, from: number) => AsyncIterable<ManifestEntry>;
  /** Opened for each drive, and closed at its end: the client's timeout depends on the function's, its sockets on the in-flight limit. */
  readonly openFunction: (
    maxInFlight: number,
  ) => Promise<{ readonly invoke: HandsPorts['invoke']; readonly close: () => void }>;
}

/** The engine that invokes the function from this process. */
export const createLocalEngine = (ports: LocalEnginePorts): Engine => ({
  kind: 'local',
  async check() {},
  async open({ runId, maxInFlight }) {
    const { invoke, close } = await ports.openFunction(maxInFlight);
    return createHands({ ...ports, invoke, closeFunction: close, manifest: (from) => ports.manifest(runId, from) });
  },
});

/** Drives a run by the local engine. */
export const drive = (start: LiveRun, ports: EnginePorts): Drive => driveWith(createHands(ports), start, ports);

/** Entries of the manifest that are read at once. */
const READ_AT_ONCE = 100;

/**
 * Aborts with `signal`. Each invocation in flight has one, because a signal goes through all its listeners to add one: with a
 * thousand on one signal this is 5 % of the CPU of a run.
 */
function followerOf(signal: AbortSignal): AbortSignal {
  const following = new AbortController();
  const abort = () => following.abort(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return following.signal;
}

function createHands(ports: HandsPorts): Hands {
  const { clock } = ports;
  let entries: AsyncIterator<ManifestEntry> | undefined;
  type Report = (event: EngineEvent) => void;
  /** Signals that no invocation uses now. */
  const free: AbortSignal[] = [];

  async function invoke(index: number, key: string, report: Report, drive: AbortSignal): Promise<void> {
    const signal = free.pop() ?? followerOf(drive);
    const called = await settle(() => ports.invoke(key, signal));
    free.push(signal);
    if (!called.ok && called.refusal instanceof NotSentError)
      return report({ kind: 'not-sent', index, now: clock.now() });
    const { result, requestId }: Invocation = called.ok
      ? called.value
      : { result: { kind: 'fault', fault: ports.readFault(called.refusal) } };
    report({ kind: 'replied', index, result, requestId, random: ports.random(), now: clock.now() });
  }

  async function readManifest(from: number, report: Report): Promise<void> {
    entries ??= ports.manifest(from)[Symbol.asyncIterator]();
    const reading = entries;
    const read: ManifestEntry[] = [];
    const listed = await settle(async () => {
      while (read.length < READ_AT_ONCE) {
        const next = await reading.next();
        if (next.done) return 'exhausted' as const;
        read.push(next.value);
      }
      return undefined;
    });
    if (!listed.ok) ports.warn('manifest not read', listed.refusal);
    const end = listed.ok ? listed.value : ports.readFault(listed.refusal);
    report({ kind: 'manifest-read', entries: read, now: clock.now(), ...defined({ end }) });
  }

  return {
    perform(effect, report, signal) {
      switch (effect.kind) {
        case 'invoke':
          // Not waited for: a drive that gives up does not wait for replies.
          void invoke(effect.index, effect.key, report, signal);
          return undefined;
        case 'read-manifest':
          return readManifest(effect.from, report);
        case 'open-execution':
        case 'follow-execution':
        case 'find-execution':
        case 'set-throttle':
        case 'stop-execution':
          throw new Error(`Defect: the local engine has no ${effect.kind}.`);
      }
    },
    async close() {
      await settle(async () => entries?.return?.());
      ports.closeFunction?.();
    },
  };
}
