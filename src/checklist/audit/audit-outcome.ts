/** The first word of an outcome in the audit: what happened, in past tense. */
export const OUTCOME_WORDS = [
  /** A person asked for something that another person or a later click decides. */
  'asked',
  /** A form, a plan or data was shown; nothing was changed. */
  'shown',
  'refused',
  'approved',
  'denied',
  'withdrawn',
  'expired',
  /** An approval was given and not carried out. */
  'voided',
  'begun',
  'resumed',
  'changed',
  'finished',
  'failed',
  'stopped',
  'paused',
  'tripped',
  'interrupted',
  'abandoned',
  'cancelled',
  'released',
  /** What was asked for was carried out at once; the answer says what came of it. */
  'answered',
] as const;
type OutcomeWord = (typeof OUTCOME_WORDS)[number];

/** What happened, and with what: `refused: no backup`. */
export type AuditOutcome = OutcomeWord | `${OutcomeWord}: ${string}`;
