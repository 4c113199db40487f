import { z } from 'zod';
import type { ControlTable, Key } from '../../state/control-table.ts';
import type { AuditAnchors } from './audit-anchors.ts';
import {
  type AuditEntry,
  type AuditFacts,
  auditEntrySchema,
  type ChainCheck,
  chain,
  verifyChain,
} from './audit-entry.ts';

/** The audit of one pipeline in the control table: `audit#NAME` / `entry#0000000001`, and the head apart from it. */
export interface AuditLog {
  /** On record when this resolves: behind whatever other copies wrote meanwhile. */
  append(facts: AuditFacts): Promise<AuditEntry>;
  /** Oldest first from the first one, or newest first. @throws AuditUnreadableError at one that is no entry any more. */
  entries(options?: { newestFirst?: boolean; limit?: number }): AsyncIterable<AuditEntry>;
  /** Whether every entry stands as it was written; `noted`: and one with this hash, which somebody wrote down. */
  verify(noted?: string): Promise<AuditCheck>;
}

/** Somebody wrote over an entry by hand: it cannot be shown. */
export class AuditUnreadableError extends Error {
  override readonly name = 'AuditUnreadableError';
  /** Where it stands in the control table. */
  readonly location: string;
  constructor(location: string, cause: unknown) {
    super(`What stands at ${location} is no entry of the audit.`, { cause });
    this.location = location;
  }
}

/** `anchors`: how many heads in S3 the chain was held against; undefined where they could not be read. */
export type AuditCheck = ChainCheck & { readonly anchors?: number };

const headSchema = z.object({ number: z.number(), hash: z.string() });
const MOST_TEXT = 2_000;
const PREFIX = 'entry#';

export function createAuditLog(
  table: ControlTable,
  name: string,
  { anchors, warn }: { anchors: Pick<AuditAnchors, 'read'>; warn: (message: string, cause: unknown) => void },
): AuditLog {
  const pk = `audit#${name}`;
  const headKey: Key = { pk, sk: 'head' };
  const entryKey = (number: number): Key => ({ pk, sk: `${PREFIX}${String(number).padStart(10, '0')}` });
  let turn: Promise<unknown> = Promise.resolve();

  const read = async (number: number): Promise<AuditEntry | undefined> => {
    const entry = number < 1 ? undefined : await table.read(entryKey(number));
    return entry && auditEntrySchema.parse(entry);
  };
  const readHead = async () => {
    const entry = await table.read(headKey);
    return entry && headSchema.parse(entry);
  };

  async function write(facts: AuditFacts): Promise<AuditEntry> {
    const noted = await readHead();
    let last = noted && ((await read(noted.number)) ?? noted);
    for (;;) {
      // The head may lag behind, after a crash or beside another copy.
      for (let next = await read((last?.number ?? 0) + 1); next; next = await read(next.number + 1)) last = next;
      const entry = chain(last, facts);
      // Refused by another's entry, or by our own whose reply was lost: its hash tells.
      const isNew = await table.create(entryKey(entry.number), { ...entry });
      if (!isNew && (await read(entry.number))?.hash !== entry.hash) continue;
      const set = { number: entry.number, hash: entry.hash };
      if (!(await table.update(headKey, { set }, { lessThan: { number: entry.number } })).ok)
        await table.create(headKey, set);
      return entry;
    }
  }

  /** As they stand in the table, whoever wrote them. */
  async function* rows(): AsyncGenerator<unknown> {
    yield* table.list(pk, { prefix: PREFIX });
  }

  return {
    append(facts) {
      const short = {
        ...facts,
        at: Math.round(facts.at),
        what: facts.what.slice(0, MOST_TEXT),
        outcome: facts.outcome.slice(0, MOST_TEXT),
        ...(facts.why === undefined ? {} : { why: facts.why.slice(0, MOST_TEXT) }),
      };
      const written = turn.then(() => write(short));
      turn = written.catch(() => {});
      return written;
    },
    async *entries({ newestFirst = false, limit } = {}) {
      const options = { prefix: PREFIX, descending: newestFirst, ...(limit === undefined ? {} : { limit }) };
      for await (const entry of table.list(pk, options)) {
        const read = auditEntrySchema.safeParse(entry);
        if (!read.success) throw new AuditUnreadableError(entry.sk, read.error);
        yield read.data;
      }
    },
    async verify(noted) {
      // Before the entries: what comes meanwhile is beyond them.
      const [head, known] = await Promise.all([
        readHead(),
        anchors.read().catch((error: unknown) => {
          warn('the anchors of the audit cannot be read', error);
          return undefined;
        }),
      ]);
      const proofs = {
        ...(head ? { head } : {}),
        ...(known ? { anchors: known } : {}),
        ...(noted === undefined ? {} : { noted }),
      };
      return { ...(await verifyChain(rows(), proofs)), ...(known ? { anchors: known.size } : {}) };
    },
  };
}
