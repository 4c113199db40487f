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
  | { readonly kind: 'changed'; readonly number: number }
  | { readonly kind: 'unlinked'; readonly number: number }
  /** Entries at the end are gone: the head that was noted is another one. */
  | { readonly kind: 'cut-off'; readonly number: number };

export type ChainCheck =
  | { readonly ok: true; readonly entries: number; readonly head: string }
  | { readonly ok: false; readonly broken: ChainBreak };

/**
 * Walks the chain from its first entry, streamed. `head`: what was noted of the last one, apart from it. The first thing
 * that does not fit is the answer.
 */
export async function verifyChain(
  entries: AsyncIterable<AuditEntry>,
  head?: Pick<AuditEntry, 'number' | 'hash'>,
): Promise<ChainCheck> {
  let last: AuditEntry | undefined;
  for await (const entry of entries) {
    const number = (last?.number ?? 0) + 1;
    if (entry.number !== number) return { ok: false, broken: { kind: 'missing', number } };
    if (entry.hash !== hashOf(entry)) return { ok: false, broken: { kind: 'changed', number } };
    if (entry.previous !== (last?.hash ?? NO_ENTRY)) return { ok: false, broken: { kind: 'unlinked', number } };
    // The head is noted after its entry: entries beyond it are whole all the same.
    if (head && entry.number === head.number && entry.hash !== head.hash)
      return { ok: false, broken: { kind: 'changed', number } };
    last = entry;
  }
  if (head && (last?.number ?? 0) < head.number)
    return { ok: false, broken: { kind: 'cut-off', number: (last?.number ?? 0) + 1 } };
  return { ok: true, entries: last?.number ?? 0, head: last?.hash ?? NO_ENTRY };
}
