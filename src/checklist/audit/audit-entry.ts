import { createHash } from 'node:crypto';
import { z } from 'zod';

/**
 * What anyone did: who, what, when, why and what came of it. Each entry holds the hash of the one before, so that none can
 * be changed, taken out or put in between without the chain showing it.
 */
export const auditEntrySchema = z.object({
  /** 1 for the first. */
  number: z.number().int().positive(),
  /** Epoch ms. */
  at: z.number(),
  /** An id of Slack's, or `bot` for what it did by itself. */
  who: z.string(),
  /** The command, button, form or change of state. */
  what: z.string(),
  why: z.string().exactOptional(),
  outcome: z.string(),
  /** Of the entry before; of the first one, zeros. */
  previous: z.string(),
  hash: z.string(),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;
export type AuditFacts = Omit<AuditEntry, 'number' | 'previous' | 'hash'>;

/** What stands before the first entry. */
export const NO_ENTRY = '0'.repeat(64);

/** The hash of an entry: SHA-256 over its fields, each with its length, so that no two entries have one text. */
export function hashOf(entry: Omit<AuditEntry, 'hash'>): string {
  const fields = [entry.number, entry.at, entry.who, entry.what, entry.why ?? '', entry.outcome, entry.previous];
  const text = fields.map((field) => `${String(field).length}:${field}`).join('|');
  return createHash('sha256')
    .update(`${entry.why === undefined ? 'no why' : 'why'}|${text}`)
    .digest('hex');
}

/** The entry that follows another, or the first. */
export function chain(before: Pick<AuditEntry, 'number' | 'hash'> | undefined, facts: AuditFacts): AuditEntry {
  const entry = { ...facts, number: (before?.number ?? 0) + 1, previous: before?.hash ?? NO_ENTRY };
  return { ...entry, hash: hashOf(entry) };
}

export type ChainBreak =
  | { readonly kind: 'missing'; readonly number: number }
  /** One more than was written stands there. */
  | { readonly kind: 'inserted'; readonly number: number }
  | { readonly kind: 'changed'; readonly number: number }
  | { readonly kind: 'unlinked'; readonly number: number }
  /** Entries at the end are gone: a head that was noted elsewhere is another one. */
  | { readonly kind: 'cut-off'; readonly number: number }
  /** No entry has the hash that somebody noted. */
  | { readonly kind: 'not-as-noted' };

export type ChainCheck =
  | {
      readonly ok: true;
      readonly entries: number;
      readonly head: string;
      /** The entry whose hash somebody noted. */
      readonly notedAt?: number;
    }
  | { readonly ok: false; readonly broken: ChainBreak };

/** What is known of the chain from elsewhere. */
export interface ChainProofs {
  /** What was noted of the last entry, apart from it. */
  readonly head?: Pick<AuditEntry, 'number' | 'hash'>;
  /** Hashes by the numbers of their entries, kept outside of the control table. */
  readonly anchors?: ReadonlyMap<number, string>;
  /** A hash that somebody wrote down: it has to be in the chain. */
  readonly noted?: string;
}

/**
 * Walks the chain from its first entry, streamed; entries as they stand in the table, whatever became of them there. The first
 * thing that does not fit is the answer.
 */
export async function verifyChain(
  entries: AsyncIterable<unknown>,
  { head, anchors = new Map(), noted }: ChainProofs = {},
): Promise<ChainCheck> {
  let last: AuditEntry | undefined;
  let notedAt: number | undefined;
  const broken = (kind: Exclude<ChainBreak['kind'], 'not-as-noted'>, number: number): ChainCheck => ({
    ok: false,
    broken: { kind, number },
  });
  for await (const found of entries) {
    const number = (last?.number ?? 0) + 1;
    const read = auditEntrySchema.safeParse(found);
    if (!read.success) return broken('changed', number);
    const entry = read.data;
    if (entry.number < number) return broken('inserted', entry.number);
    if (entry.number > number) return broken('missing', number);
    if (entry.hash !== hashOf(entry)) return broken('changed', number);
    if (entry.previous !== (last?.hash ?? NO_ENTRY)) return broken('unlinked', number);
    // The head is noted after its entry: entries beyond it are whole all the same.
    for (const known of [head?.number === number ? head.hash : undefined, anchors.get(number)])
      if (known !== undefined && entry.hash !== known) return broken('changed', number);
    if (entry.hash === noted) notedAt = number;
    last = entry;
  }
  const entriesThere = last?.number ?? 0;
  const known = [head?.number ?? 0, ...anchors.keys()].reduce((most, number) => Math.max(most, number), 0);
  if (entriesThere < known) return broken('cut-off', entriesThere + 1);
  if (noted !== undefined && notedAt === undefined) return { ok: false, broken: { kind: 'not-as-noted' } };
  return {
    ok: true,
    entries: entriesThere,
    head: last?.hash ?? NO_ENTRY,
    ...(notedAt === undefined ? {} : { notedAt }),
  };
}
