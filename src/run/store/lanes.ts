import { FaultError } from '../../pipeline/fault.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';

/**
 * The numbers of the journal of a run on Step Functions. The machine records each image under a number of its own, so the
 * outcomes are in the order of the images; what the bot adds later (images without rows) has to come after them. So the
 * numbers are divided into lanes: `lane × 10^8 + 1` and up. Images that are processed again on purpose begin a new generation,
 * which has two lanes: an even one for the machine, and the odd one after it for the bot.
 */
const LANE = 100_000_000;
const LANE_DIGITS = 2;

/** A run on Step Functions has fewer images than this. */
export const MOST_IMAGES = LANE;

/** The lane that the machine writes in this generation. */
export const machineLane = (generation: number): number => generation * 2;

/** The number before the first one that the bot writes in this generation. */
export const startOfBotLane = (generation: number): number => (generation * 2 + 1) * LANE;

/** The generation of a number in the lane of the bot. */
export const generationOf = (botSeq: number): number => Math.floor(botSeq / (2 * LANE));

/** A lane of a later generation would have more digits than a number has. */
const LAST_GENERATION = 49;

const USED_UP: Fault = {
  reason: 'state-machine',
  message: `Images of this run were processed again ${LAST_GENERATION} times, and its journal has no numbers for another time.`,
  fix: 'Find out why the table does not grow or why images have no outcome, then plan a new run with `/rescan start`.',
};

/**
 * The number before the first one that the bot writes in the generation after that of `botSeq`; or the fault where the journal has
 * no lanes for it.
 */
export function nextGeneration(botSeq: number): { readonly seq: number } | { readonly fault: Fault } {
  const generation = generationOf(botSeq) + 1;
  return generation > LAST_GENERATION ? { fault: USED_UP } : { seq: startOfBotLane(generation) };
}

/** The same. @throws FaultError where the journal has no lanes for it */
export function startOfNextGeneration(botSeq: number): number {
  const next = nextGeneration(botSeq);
  if ('fault' in next) throw new FaultError(next.fault);
  return next.seq;
}

/** The number of an image in a lane. */
export const seqOf = (lane: number, index: number): number => lane * LANE + index + 1;

/** The image of a number in any lane. */
export const indexOfSeq = (seq: number): number => (seq - 1) % LANE;

/** Whether a number is in a lane of the machine. */
export const isOfMachine = (seq: number): boolean => Math.floor((seq - 1) / LANE) % 2 === 0;

/** The first digits of all numbers of a lane, of the ten that a number has. */
export const lanePrefix = (lane: number): string => String(lane).padStart(LANE_DIGITS, '0');
