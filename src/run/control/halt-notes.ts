import { defined } from '../../lib/defined.ts';
import type { StoredStops } from '../../state/stops/stored-stops.ts';
import type { Halt } from '../engines/reducer/engine-events.ts';
import { storedHalt } from '../engines/stop-signals.ts';
import type { HaltsBefore, KnownHalts } from '../model/run-control.ts';
import type { RequestedHalt, RunRecord, RunStore } from '../store/run-store.ts';

/**
 * The requests of people to halt whatever runs, noted also where nothing runs: a start or resume that was requested
 * before such a request, and is still being checked, must not begin after it.
 */
export interface HaltNotes {
  /** Notes a request: in this process at once, for every copy of the bot when the promise resolves. */
  note(request: RequestedHalt): Promise<void>;
  known(): KnownHalts;
  /** A request to halt that came later; it may be for this run. Call it under the lease: a halt that is not found then finds the start. */
  since(before: HaltsBefore, run: RunRecord): Promise<RequestedHalt | undefined>;
}

export function createHaltNotes(ports: {
  readonly store: Pick<RunStore, 'readOpen' | 'read' | 'noteHalt'>;
  readonly storedStops: Pick<StoredStops, 'find'>;
  readonly stopFile: string;
}): HaltNotes {
  const { store, storedStops } = ports;
  /** How many this process got, and the last of them. */
  let here = 0;
  let last: RequestedHalt | undefined;
  let noting = Promise.resolve();

  async function read(own: number, noted: Promise<void>): Promise<HaltsBefore> {
    await noted;
    const [open, found] = await Promise.all([store.readOpen(), storedStops.find()]);
    const record = open.openRunId === undefined ? undefined : await store.read(open.openRunId);
    return {
      here: own,
      counted: open.halts ?? 0,
      found,
      ...defined({ open: record && openRunOf(record) }),
    };
  }

  return {
    async note(request) {
      here++;
      last = request;
      const noted = store.noteHalt(request);
      // One that could not be noted is stored elsewhere.
      noting = Promise.allSettled([noting, noted]).then(() => {});
      await noted;
    },
    known() {
      const before = read(here, noting);
      // Whoever uses it gets the error.
      before.catch(() => {});
      return { before };
    },
    async since(before, run) {
      if (last && here > before.here) return last;
      const [{ halts = 0, lastHalt }, found] = await Promise.all([store.readOpen(), storedStops.find()]);
      if (lastHalt && halts !== before.counted) return lastHalt;
      const { etag, file } = before.found;
      const isNew =
        (found.etag !== undefined && found.etag !== etag) || (found.file !== undefined && found.file !== file);
      const halt = isNew ? storedHalt(found.stops, run, ports.stopFile) : undefined;
      return halt && requestOf(halt);
    },
  };
}

/** What changes when a run is resumed or halts: its state, and the take-over of the last person who resumed it. */
export const openRunOf = ({ runId, state, resumedFence }: RunRecord): NonNullable<HaltsBefore['open']> =>
  defined({ runId, kind: state.kind, resumedFence });

/** What a halt asks for, and who made it. */
export const requestOf = (halt: Halt): RequestedHalt => {
  if (halt.kind === 'pause') return { request: 'pause', by: halt.by };
  const by = halt.kind === 'stop' && halt.by.kind === 'person' ? halt.by.by : undefined;
  return { request: 'stop', ...defined({ by }) };
};
