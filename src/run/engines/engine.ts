import type { Clock } from '../../lib/clock.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { EngineKind, OutcomeRecord, PaceSetting, Person, RunEvent, RunSnapshot } from '../model/types.ts';
import type { RowProof } from '../rules/row-watch.ts';
import type { Checkpoint } from '../store/checkpoint.ts';
import type { Appended, JournalChunk, RunRecord } from '../store/run-store.ts';
import type { EngineEvent, GrowthAnswer, GrowthQuestion, Halt, OwnEffect } from './reducer/engine-events.ts';
import type { LiveRun } from './reducer/live-run.ts';
import type { CutOff } from './step-functions/remote.ts';

/**
 * What invokes the function for the images of a run. The decisions are those of the reducer, whatever the engine: an engine
 * performs the effects that only it has.
 */
export interface Engine {
  readonly kind: EngineKind;
  /** Whether a run can be started on it now. @throws FaultError that names what to do */
  check(): Promise<void>;
  /** Prepares a drive of the run. @throws FaultError, or the SDK's error: nothing was started */
  open(record: RunRecord): Promise<Hands>;
}

/** What performs the effects of one engine during one drive of a run. */
export interface Hands {
  /**
   * Performs an effect and reports what came of it. Never rejects. The end of the drive waits for the promise, if there is
   * one. `signal` aborts when the drive gives up what is under way.
   */
  perform(effect: OwnEffect, report: (event: EngineEvent) => void, signal: AbortSignal): Promise<void> | undefined;
  close(): Promise<void>;
  /**
   * The images that were in progress when the last drive ended and were not waited for, where the run itself does not know them.
   * @throws any error of the calls to AWS
   */
  cutOff?(): Promise<CutOff | undefined>;
}

/** What every drive of a run needs from outside, whatever the engine. */
export interface LoopPorts {
  readonly clock: Clock;
  /**
   * Writes a chunk of the journal, or finds the chunk that another process wrote under its number. Throws when it
   * cannot.
   */
  readonly append: (chunk: Omit<JournalChunk, 'writer'>) => Promise<Appended>;
  readonly saveCheckpoint: (checkpoint: Checkpoint) => Promise<void>;
  readonly checkGrowth: (question: GrowthQuestion) => Promise<GrowthAnswer>;
  /** What the table says about the rows that these images claim, in their order. */
  readonly lookUpRows: (records: readonly OutcomeRecord[], signal: AbortSignal) => Promise<readonly RowProof[]>;
  /** Checks the rows of all images of the run: those without rows, as outcomes `no-rows`, some at a time. */
  readonly missingRows: (signal: AbortSignal) => AsyncIterable<readonly OutcomeRecord[]>;
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
