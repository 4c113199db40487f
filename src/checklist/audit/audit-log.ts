import { ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { defined } from '../../lib/defined.ts';
import { type ControlTable, type Key, readParsed } from '../../state/table/control-table.ts';
import {
  type AuditEntry,
  type AuditFacts,
  auditEntrySchema,
  type ChainCheck,
  chain,
  verifyChain,
} from './audit-entry.ts';

/**
 * Heads of the audit log in S3. Each is an empty object whose name contains the number and the hash of an entry. They
 * are never overwritten. Someone who removes the last entries, or rewrites the chain, would have to change both S3 and
 * the control table.
 */
interface AuditAnchors {
  put(head: Pick<AuditEntry, 'number' | 'hash'>): Promise<void>;
  /** The hashes of each anchored entry, by its number. More than one for a number means that the chain was rewritten. */
  read(): Promise<ReadonlyMap<number, ReadonlySet<string>>>;
}

const NAME = /([0-9]{10})-([0-9a-f]{64})$/;

export function createAuditAnchors(s3: S3Client, { bucket, prefix }: { bucket: string; prefix: string }): AuditAnchors {
  return {
    async put({ number, hash }) {
      const Key = `${prefix}${String(number).padStart(10, '0')}-${hash}`;
      // For an empty body the SDK sets no length, and warns about that.
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: '', ContentLength: 0 }));
    },
    async read() {
      const found = new Map<number, Set<string>>();
      let ContinuationToken: string | undefined;
      do {
        const page = await s3.send(
          new ListObjectsV2Command(defined({ Bucket: bucket, Prefix: prefix, ContinuationToken })),
        );
        for (const { Key = '' } of page.Contents ?? []) {
          const [, number, hash] = NAME.exec(Key) ?? [];
          if (number === undefined || hash === undefined) continue;
          found.set(Number(number), (found.get(Number(number)) ?? new Set()).add(hash));
        }
        ContinuationToken = page.IsTruncated ? page.NextContinuationToken : undefined;
      } while (ContinuationToken !== undefined);
      return found;
    },
  };
}

/** The audit log of one pipeline in the control table: `audit#NAME` / `entry#0000000001`, and `head`. */
export interface AuditLog {
  /**
   * Resolves when the entry is written, after all entries that other processes wrote. After an error the same facts, with
   * their `id`, can be appended again: they are one entry, also where the failed try has written it.
   */
  append(facts: AuditFacts): Promise<AuditEntry>;
  /** Oldest first, or newest first. @throws AuditUnreadableError when a row is not a valid entry. */
  entries(options?: { newestFirst?: boolean; limit?: number }): AsyncIterable<AuditEntry>;
  /**
   * Whether no entry was changed, removed or inserted. `noted`: a hash that a person kept and that must be in the
   * chain.
   */
  verify(noted?: string): Promise<AuditCheck>;
}

/** A row of the audit log is not a valid entry: it was changed by hand. */
export class AuditUnreadableError extends Error {
  override readonly name = 'AuditUnreadableError';
  /** Its sort key in the control table. */
  readonly location: string;
  constructor(location: string, cause: unknown) {
    super(`The row ${location} is not a valid audit entry.`, { cause });
    this.location = location;
  }
}

/** `anchors`: how many heads in S3 were compared; undefined when they could not be read. */
export type AuditCheck = ChainCheck & { readonly anchors?: number };

const headSchema = z.object({ number: z.number(), hash: z.string() });
/** What the next entry needs of the one before it. */
type Link = Pick<AuditEntry, 'number' | 'hash'>;
const MAX_TEXT = 2_000;
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
  /** The number at which the facts with this id were written last, or may have been. */
  let tried: { readonly id: string; readonly number: number } | undefined;
  /** The entry that this process wrote last. */
  let written: Link | undefined;

  const read = (number: number) => readParsed(table, entryKey(number), auditEntrySchema);
  const readHead = () => readParsed(table, headKey, headSchema);

  /** The entry of these facts, where an earlier try has written it. */
  async function findWritten({ id }: AuditFacts): Promise<AuditEntry | undefined> {
    if (id === undefined || tried?.id !== id) return;
    const found = await read(tried.number);
    return found?.id === id ? found : undefined;
  }

  /** The last entry by the head, which may be behind after a crash or while another process writes. */
  async function lastFromHead(): Promise<Link | undefined> {
    const head = await readHead();
    let last = head && { number: head.number, hash: (await read(head.number))?.hash ?? head.hash };
    // By its key: somebody may have changed the number in an entry.
    for (let number = (last?.number ?? 0) + 1; ; number += 1) {
      const next = await read(number);
      if (!next) return last;
      last = { number, hash: next.hash };
    }
  }

  /** The entry that this process wrote last, or else the last one; others may have written more. */
  async function knownLast(): Promise<Link | undefined> {
    // A control table that was set back does not have it. It is not parsed: a damaged entry must not keep others from being written.
    const found = written && (await table.read(entryKey(written.number)));
    return found && found.hash === written?.hash ? written : lastFromHead();
  }

  async function add(facts: AuditFacts): Promise<AuditEntry> {
    let last = await knownLast();
    for (;;) {
      const entry = chain(last, facts);
      tried = facts.id === undefined ? undefined : { id: facts.id, number: entry.number };
      if (await table.create(entryKey(entry.number), { ...entry })) return entry;
      // Another process wrote this number, or our own write succeeded and its reply was lost: id and hash show which.
      const found = await read(entry.number);
      if (found?.hash === entry.hash && found.id === entry.id) return entry;
      last = await lastFromHead();
    }
  }

  async function write(facts: AuditFacts): Promise<AuditEntry> {
    const entry = (await findWritten(facts)) ?? (await add(facts));
    const set = { number: entry.number, hash: entry.hash };
    if (!(await table.update(headKey, { set }, { lessThan: { number: entry.number } })).ok)
      await table.create(headKey, set);
    written = entry;
    return entry;
  }

  /** The rows as they are, without validation. */
  async function* rows(): AsyncGenerator<unknown> {
    yield* table.list(pk, { prefix: PREFIX });
  }

  return {
    append(facts) {
      const short = {
        ...facts,
        at: Math.round(facts.at),
        what: facts.what.slice(0, MAX_TEXT),
        outcome: facts.outcome.slice(0, MAX_TEXT),
        ...defined({ why: facts.why?.slice(0, MAX_TEXT) }),
      };
      const writing = turn.then(() => write(short));
      turn = writing.catch(() => {});
      return writing;
    },
    async *entries({ newestFirst = false, limit } = {}) {
      const options = defined({ prefix: PREFIX, descending: newestFirst, limit });
      for await (const entry of table.list(pk, options)) {
        const read = auditEntrySchema.safeParse(entry);
        if (!read.success) throw new AuditUnreadableError(entry.sk, read.error);
        yield read.data;
      }
    },
    async verify(noted) {
      // Read before the entries, so that entries written meanwhile come after them.
      const [head, known] = await Promise.all([
        readHead(),
        anchors.read().catch((error: unknown) => {
          warn('the anchors of the audit log could not be read', error);
          return undefined;
        }),
      ]);
      const checked = await verifyChain(rows(), defined({ head, anchors: known, noted }));
      return {
        ...checked,
        ...defined({ anchors: known && [...known.values()].reduce((sum, hashes) => sum + hashes.size, 0) }),
      };
    },
  };
}
