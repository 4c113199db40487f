import type { Clock, Random } from '../../../lib/clock.ts';
import type { Fault, Invocation } from '../../../pipeline/invoke/invocation.ts';
import type { ManifestEntry, PaceSetting, Person, RunEvent, RunSnapshot, RunState, Trip } from '../../model/types.ts';
import type { Checkpoint } from '../../store/checkpoint.ts';
import type { LiveRun } from './live-run.ts';
import type { OutcomeWriterPorts } from './outcome-writer.ts';

/** Why a run stops being driven. */
export type Halt =
  | { readonly kind: 'completed' }
  | { readonly kind: 'pause'; readonly by: Person }
  | { readonly kind: 'stop'; readonly by: Extract<RunState, { kind: 'stopped' }>['by']; readonly now: boolean }
  | { readonly kind: 'trip'; readonly trip: Trip }
  | { readonly kind: 'fault'; readonly fault: Fault }
  | { readonly kind: 'shutdown' }
  /** The right to drive was lost: whoever has it now writes the state. */
  | { readonly kind: 'lease-lost' };

export type GrowthLook =
  | { readonly kind: 'count'; readonly entries: number }
  /** `entries`: counted beside it where the table is small enough, to be shown. */
  | { readonly kind: 'probe'; readonly fresh: boolean; readonly entries?: number }
  /** There was nothing to look at: no image was processed since the last look. */
  | { readonly kind: 'nothing' };

/** What the engine needs of the world, and no more. */
export interface EnginePorts {
  readonly clock: Clock;
  readonly random: Random;
  /** The manifest from an index on, in order. */
  readonly manifest: (from: number) => AsyncIterable<ManifestEntry>;
  readonly invoke: (key: string, signal: AbortSignal) => Promise<Invocation>;
  readonly append: OutcomeWriterPorts['append'];
  readonly saveCheckpoint: (checkpoint: Checkpoint) => Promise<void>;
  readonly lookForGrowth: (run: LiveRun) => Promise<GrowthLook>;
  /** Written before it is shown: the state that follows from a halt, while what is in flight still drains. */
  readonly halting: (halt: Halt, run: LiveRun) => Promise<void>;
  /** Whether this copy still has the right to start an invocation. Synchronous: asked before each one. */
  readonly holdsLease: () => boolean;
  readonly readFault: (error: unknown) => Fault;
  readonly emit: (event: RunEvent) => void;
  readonly warn: (message: string, cause: unknown) => void;
}

export interface EngineRules {
  readonly throttleLimit: number;
  readonly checkpointOutcomes: number;
  readonly checkpointMs: number;
  /** How long a shutdown waits for what is in flight, ms. */
  readonly shutdownDrainMs: number;
}

/** A run that is being driven. */
export interface Drive {
  /** Nothing new starts from this very call on; the first halt wins, but a stop may overtake a drain ("now"). */
  halt(halt: Halt): void;
  setPace(setting: PaceSetting, by: Person): void;
  snapshot(): RunSnapshot;
  /** Resolves when nothing of the run is left working in this process; never rejects. */
  readonly ended: Promise<DriveEnd>;
}
export interface DriveEnd {
  readonly halt: Halt;
  readonly leftInFlight: number;
}
