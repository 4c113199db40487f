import type { Clock, Random } from '../../../lib/clock.ts';
import type { Fault, Invocation } from '../../../pipeline/invoke/invocation.ts';
import type { ManifestEntry, PaceSetting, Person, RunEvent, RunSnapshot } from '../../model/types.ts';
import type { Checkpoint } from '../../store/checkpoint.ts';
import type { Appended, JournalChunk } from '../../store/run-store.ts';
import type { GrowthAnswer, GrowthQuestion, Halt } from './engine-events.ts';
import type { LiveRun } from './live-run.ts';

/** What the engine needs from outside. */
export interface EnginePorts {
  readonly clock: Clock;
  readonly random: Random;
  /** The manifest from an index on, in order. */
  readonly manifest: (from: number) => AsyncIterable<ManifestEntry>;
  readonly invoke: (key: string, signal: AbortSignal) => Promise<Invocation>;
  /** Writes a chunk of the journal, or finds the chunk that another process wrote under its number. Throws when it cannot. */
  readonly append: (chunk: Omit<JournalChunk, 'writer'>) => Promise<Appended>;
  readonly saveCheckpoint: (checkpoint: Checkpoint) => Promise<void>;
  readonly checkGrowth: (question: GrowthQuestion) => Promise<GrowthAnswer>;
  /** Saves the state that follows from a halt, while images in flight are waited for. */
  readonly saveHalt: (halt: Halt, checkpoint: Checkpoint) => Promise<void>;
  /** Whether this process may still start an invocation. Asked before each one. */
  readonly holdsLease: () => boolean;
  readonly readFault: (error: unknown) => Fault;
  readonly emit: (event: RunEvent) => void;
  readonly warn: (message: string, cause: unknown) => void;
}

/** A run that is being driven. */
export interface Drive {
  /** The run as it is now. */
  run(): LiveRun;
  /** Nothing is started after this call. A halt of higher rank replaces an earlier one. */
  halt(halt: Halt): void;
  setPace(paceSetting: PaceSetting, by: Person): void;
  snapshot(): RunSnapshot;
  /** Resolves when this process does no more work for the run; never rejects. */
  readonly ended: Promise<DriveEnd>;
}

export interface DriveEnd {
  readonly halt: Halt;
  readonly leftInFlight: number;
}
