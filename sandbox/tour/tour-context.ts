import type { People } from '../people.ts';
import type { createWorld } from '../world.ts';
import type { PipelineReader } from './pipeline-reader.ts';

/** Records a fact. Throws when it does not hold, which ends the step. */
export type Check = (fact: string, holds: boolean) => void;

export interface TourContext {
  readonly people: People;
  readonly world: ReturnType<typeof createWorld>;
  readonly pipeline: PipelineReader;
  sees(what: RegExp): ReturnType<People['sees']>;
  /** Types a command, and waits for an answer that is newer than the command. */
  ask(user: string, command: string, what: RegExp): ReturnType<People['sees']>;
  /** The approver approves the request that matches. */
  approve(what: RegExp): Promise<void>;
  /** Changes settings of the local AWS and prints why. */
  turn(dials: Record<string, unknown>, why: string): Promise<void>;
  /** Polls until the condition holds. */
  until(what: string, holds: () => Promise<boolean>): Promise<void>;
  /** Values that one step keeps for later steps. */
  readonly shared: { backupId: string; runStartedAt: number };
}
