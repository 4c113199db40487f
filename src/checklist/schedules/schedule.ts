import { z } from 'zod';

/** How many schedules a pipeline may have. */
export const MOST_SCHEDULES = 20;
/** How many of its last firings a schedule keeps. */
export const KEPT_FIRINGS = 3;

const words = z.array(z.string()).readonly();
/** What a schedule starts. `words`: the options as they were typed, each one word, such as `people=Ana Bel, Bob Ray`. */
const workSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('backup'), words }),
  z.object({ kind: z.literal('retry'), words }),
  z.object({ kind: z.literal('rescan'), words }),
]);
export type ScheduledWork = Readonly<z.infer<typeof workSchema>>;

/** What a firing came to. `lines`: why, and what to do next, as mrkdwn. */
const endSchema = z.discriminatedUnion('kind', [
  /** A process is about to start the work. */
  z.object({ kind: z.literal('starting'), holder: z.string() }),
  z.object({ kind: z.literal('started'), what: z.string() }),
  /** There was nothing to do, for example no failed image. */
  z.object({ kind: z.literal('nothing-to-do'), lines: words }),
  z.object({ kind: z.literal('refused'), lines: words }),
  z.object({ kind: z.literal('failed'), lines: words }),
  /**
   * Nobody knows whether the work was started: `lines` say why, and without them the process that was about to start it ended.
   * It is not repeated.
   */
  z.object({ kind: z.literal('unknown'), lines: words.exactOptional() }),
  /** The bot did not run, or AWS could not be reached, until it was too late. */
  z.object({ kind: z.literal('missed'), count: z.number(), isCut: z.boolean(), first: z.number() }),
]);
export type FiringEnd = Readonly<z.infer<typeof endSchema>>;

/** One planned time of a schedule that passed. All times in epoch ms. */
const firingSchema = z.object({
  /** Of several missed ones, the last. */
  plannedAt: z.number(),
  /** When it was begun, or found to be missed. */
  at: z.number(),
  end: endSchema,
  /** The channel has to hear of it. */
  isUnsaid: z.literal(true).exactOptional(),
});
export type Firing = Readonly<z.infer<typeof firingSchema>>;

/** Whether the channel hears of it: success shows in the messages of the work itself. */
export const isSaid = ({ kind }: FiringEnd): boolean =>
  kind === 'refused' || kind === 'failed' || kind === 'unknown' || kind === 'missed';

/** Why a schedule fires no more: a person switched it off, or its person may not start work any more. */
const offSchema = z.object({ at: z.number(), by: z.string().exactOptional() });

export const scheduleSchema = z.object({
  id: z.string(),
  work: workSchema,
  cron: z.string(),
  zone: z.string(),
  /** In whose name it acts. */
  by: z.string(),
  channel: z.string(),
  createdAt: z.number(),
  /** Present while it is off. */
  off: offSchema.exactOptional(),
  /** Every planned time up to this one was dealt with. */
  doneUntil: z.number(),
  /** Newest first. */
  firings: z.array(firingSchema).readonly(),
});
export type Schedule = Readonly<z.infer<typeof scheduleSchema>>;

/** The firings with one more, newest first; one of the same planned time and kind of end takes the place of the old one. */
export const withFiring = (firings: readonly Firing[], firing: Firing): readonly Firing[] =>
  [firing, ...firings.filter((other) => !isSameFiring(other, firing))]
    .sort((a, b) => b.plannedAt - a.plannedAt)
    .slice(0, KEPT_FIRINGS);

const isSameFiring = (one: Firing, other: Firing): boolean =>
  one.plannedAt === other.plannedAt && (one.end.kind === 'missed') === (other.end.kind === 'missed');
