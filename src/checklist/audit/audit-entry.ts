import { createHash } from 'node:crypto';
import { z } from 'zod';
import { defined } from '../../lib/defined.ts';

/**
 * One entry of the audit log: who did what, when, why, and with which outcome. Each entry contains the hash of the
 * previous one, so that a changed, removed or inserted entry breaks the chain.
 */
export const auditEntrySchema = z.object({
  /** The first entry has the number 1. */
  number: z.number().int().positive(),
  /** Epoch ms. */
  at: z.number(),
  /** A Slack user id, or `bot`. */
  who: z.string(),
  /** The command, button, form, or the thing that changed. */
  what: z.string(),
  why: z.string().exactOptional(),
  outcome: z.string(),
  /** The hash of the previous entry; zeros for the first one. */
  previous: z.string(),
  hash: z.string(),
  /** Random: a try that failed recognises by it that the entry was written. Older entries have none, and no hash contains it. */
  id: z.string().exactOptional(),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;
export type AuditFacts = Omit<AuditEntry, 'number' | 'previous' | 'hash'>;

/** The `previous` of the first entry. */
export const NO_ENTRY = '0'.repeat(64);

/** The SHA-256 hash of an entry, over its fields with their lengths, so that different entries have different texts. */
export function hashOf(entry: Omit<AuditEntry, 'hash'>): string {
  const fields = [entry.number, entry.at, entry.who, entry.what, entry.why ?? '', entry.outcome, entry.previous];
  const text = fields.map((field) => `${String(field).length}:${field}`).join('|');
  return createHash('sha256')
    .update(`${entry.why === undefined ? 'no why' : 'why'}|${text}`)
    .digest('hex');
}

/** The entry that follows `before`, or the first one. */
export function chain(before: Pick<AuditEntry, 'number' | 'hash'> | undefined, facts: AuditFacts): AuditEntry {
  const entry = { ...facts, number: (before?.number ?? 0) + 1, previous: before?.hash ?? NO_ENTRY };
  return { ...entry, hash: hashOf(entry) };
}

export type ChainBreak =
  | { readonly kind: 'missing'; readonly number: number }
  /** There is an entry that was not written by the bot. */
  | { readonly kind: 'inserted'; readonly number: number }
  | { readonly kind: 'changed'; readonly number: number }
  | { readonly kind: 'unlinked'; readonly number: number }
  /** Two different hashes of one entry are stored elsewhere: the chain was rewritten at this entry or before it. */
  | { readonly kind: 'two-heads'; readonly number: number }
  /** Entries at the end were removed: a head that is stored elsewhere has a higher number. */
  | { readonly kind: 'cut-off'; readonly number: number }
  /** No entry has the given hash. */
  | { readonly kind: 'not-as-noted' };

export type ChainCheck =
  | {
      readonly ok: true;
      readonly entries: number;
      readonly head: string;
      /** The number of the entry with the given hash. */
      readonly notedAt?: number;
    }
  | { readonly ok: false; readonly broken: ChainBreak };

/** Hashes of the chain that are stored elsewhere. */
export interface ChainProofs {
  /** The last entry, by the head in the control table. */
  readonly head?: Pick<AuditEntry, 'number' | 'hash'>;
  /** Hashes by entry number, stored outside the control table. */
  readonly anchors?: ReadonlyMap<number, ReadonlySet<string>>;
  /** A hash that a person kept. It has to be in the chain. */
  readonly noted?: string;
}

/**
 * Verifies the chain from the first entry on. `entries` are the rows of the table as they are, which may have been
 * altered. Returns the first break.
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
    // The head is written after its entry, so entries beyond it are valid.
    const anchored = anchors.get(number) ?? new Set<string>();
    if (anchored.size > 1) return broken('two-heads', number);
    for (const known of [...(head?.number === number ? [head.hash] : []), ...anchored])
      if (entry.hash !== known) return broken('changed', number);
    if (entry.hash === noted) notedAt = number;
    last = entry;
  }
  const entriesThere = last?.number ?? 0;
  const known = [head?.number ?? 0, ...anchors.keys()].reduce((most, number) => Math.max(most, number), 0);
  if (entriesThere < known) return broken('cut-off', entriesThere + 1);
  if (noted !== undefined && notedAt === undefined) return { ok: false, broken: { kind: 'not-as-noted' } };
  return defined({ ok: true, entries: entriesThere, head: last?.hash ?? NO_ENTRY, notedAt } as const);
}
