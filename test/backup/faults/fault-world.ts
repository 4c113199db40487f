import { gunzipSync } from 'node:zlib';
import { flushTable } from '../../../src/backup/flush/flush.ts';
import type { BackupRecord } from '../../../src/backup/format/backup-record.ts';
import { keyReader, keyText } from '../../../src/backup/format/item-key.ts';
import { restoreBackup } from '../../../src/backup/restore/restore.ts';
import { parseLine } from '../../../src/backup/verify/read-file.ts';
import { makeBackup } from '../../../src/backup/write/make-backup.ts';
import type { Clock } from '../../../src/lib/clock.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { canonicalItem } from '../../../src/pipeline/table/canonical.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { type Call, createMemoryAws, type Fate } from '../../support/memory/aws/clients.ts';
import { memoryJobs } from '../../support/memory/memory-jobs.ts';

export const TABLE = 'Timesheets';
const RECORDS = 14;
const WRITES = new Set(['TransactWriteItems', 'BatchWriteItem', 'PutItem', 'DeleteItem', 'UpdateItem']);

export const keyOf = keyReader([
  { name: 'ResourceName', type: 'S', role: 'HASH' },
  { name: 'DateProjectCode', type: 'S', role: 'RANGE' },
]);
const idOf = (item: Item) => keyText(keyOf(item));

/** A record with a value of each kind that an edit may touch. The name `Corrected` is in use in the table, on some records. */
export const recordOf = (index: number): Item => ({
  ResourceName: { S: `Person_${index % 5}` },
  DateProjectCode: { S: `2025-09-01#PJ${index}` },
  Hours: { N: '7.5' },
  Days: { M: { Monday: { N: '1.5' }, Note: { S: 'office' } } },
  Weeks: { L: [{ S: 'w1' }, { M: { Sum: { N: '3' } } }] },
  SourceImage: { S: `sheet_${index}.png` },
  ...(index % 3 === 0 ? { Corrected: { BOOL: true } } : {}),
});

export const EDITS = [
  'value',
  'in-map',
  'in-list',
  'added',
  'removed',
  'moved',
  'recreated',
  'reverted',
  'deleted',
  'new',
] as const;
export type EditKind = (typeof EDITS)[number];

const imageNumber = (item: Item): number | undefined => {
  const image = item.SourceImage;
  return image !== undefined && 'S' in image ? Number(image.S?.replace(/\D/g, '')) : undefined;
};
const nextImage = (item: Item) => `sheet_${(imageNumber(item) ?? 0) + 1}.png`;

/** A scope of every second image. An edit may move a record into it or out of it. */
export const isOfScope = (item: Item): boolean => {
  const number = imageNumber(item);
  return number !== undefined && number % 2 === 0;
};

/** What a person or the function makes of a record. `stamp` makes each version different from every other. */
function edited(item: Item, kind: EditKind, stamp: string, original: Item): Item | undefined {
  switch (kind) {
    case 'value':
      return { ...item, Hours: { N: stamp } };
    case 'in-map':
      return { ...item, Days: { M: { Monday: { N: stamp }, Note: { S: 'office' } } } };
    case 'in-list':
      return { ...item, Weeks: { L: [{ S: 'w1' }, { M: { Sum: { N: stamp } } }] } };
    case 'added':
      return { ...item, Corrected: { S: stamp } };
    case 'removed': {
      const { SourceImage: _, ...rest } = item;
      return { ...rest, Hours: { N: stamp } };
    }
    case 'moved':
      return { ...item, Hours: { N: stamp }, SourceImage: { S: nextImage(item) } };
    case 'recreated':
    case 'new':
      return { ...item, Hours: { N: stamp } };
    case 'reverted':
      return original;
    case 'deleted':
      return undefined;
  }
}

/** Time that goes on with every look, and never waits. */
const swiftClock = (): Clock => {
  let now = 1_700_000_000_000;
  return {
    now: () => {
      now += 1;
      return now;
    },
    sleep: async (ms) => {
      now += ms;
    },
  };
};

/**
 * A table with its bucket, a writer that edits records and keeps a log of its own, and a watch on what the bot deletes or
 * overwrites: each such version must be in S3 at that moment.
 */
export function createFaultWorld() {
  const aws = createMemoryAws();
  aws.dynamo.createTable(TABLE);
  for (let index = 0; index < RECORDS; index += 1) aws.dynamo.put(TABLE, recordOf(index));
  const rows = () => aws.dynamo.rows(TABLE);
  const clock = swiftClock();
  const jobs = memoryJobs();
  /** Versions that the writer put or found, and did not replace or delete itself. */
  const log = new Map<string, Item>();
  for (const item of rows().values()) log.set(canonicalItem(item), item);
  const lost: Item[] = [];
  /** Every version that the bot took away. */
  const everTaken: Item[] = [];
  /** What the bot took away last, by key. */
  const taken = new Map<string, Item>();
  let stamps = 0;

  /** Every version in S3: in the data of a backup that has a record, or in a supplement that is whole. */
  const savedVersions = (): Set<string> => {
    const versions = new Set<string>();
    for (const [path, body] of aws.s3.objects) {
      if (!path.endsWith('.json.gz')) continue;
      const folder = path.slice(0, path.lastIndexOf('/', path.lastIndexOf('/') - 1));
      const isWhole = path.includes('/supplement/')
        ? aws.s3.objects.has(`${path}.digest.json`)
        : aws.s3.objects.has(`${folder}/rescan-backup.json`);
      if (!isWhole) continue;
      for (const line of gunzipSync(body).toString().split('\n'))
        if (line !== '') versions.add(canonicalItem(parseLine(line).item));
    }
    return versions;
  };

  function edit(kind: EditKind, index: number): void {
    stamps += 1;
    const target = kind === 'new' ? recordOf(RECORDS + index) : recordOf(index);
    const now = [...rows().values()].find((row) => idOf(row) === idOf(target));
    const next = edited(now ?? target, kind, `${stamps}.25`, target);
    // The writer itself replaces or deletes what is there: that version is not the bot's to keep.
    if (now) log.delete(canonicalItem(now));
    if (kind === 'deleted' || kind === 'recreated') aws.dynamo.remove(TABLE, target);
    if (next) {
      aws.dynamo.put(TABLE, next);
      log.set(canonicalItem(next), next);
    }
    taken.delete(idOf(target));
  }
  // Seen where the table changes: what the bot takes away must be in S3 at that moment.
  const { answer } = aws.dynamo;
  aws.dynamo.answer = (operation, body) => {
    if (!WRITES.has(operation)) return answer(operation, body);
    const before = [...rows()];
    const result = answer(operation, body);
    const gone = before.filter(([id, item]) => rows().get(id) !== item);
    const saved = gone.length === 0 ? undefined : savedVersions();
    for (const [, item] of gone) {
      taken.set(idOf(item), item);
      everTaken.push(item);
      if (!saved?.has(canonicalItem(item))) lost.push(item);
    }
    return result;
  };

  /** The clients of one life of the bot. `interfere` decides what happens to each call, and may edit before it. */
  function life(interfere: (call: Call) => Fate) {
    const clients = aws.clients({ before: interfere });
    const location = { s3: clients.s3, bucket: 'backups', prefix: 'bot/' };
    return { dynamodb: clients.dynamodb, location, profile: TIMESHEETS, clock, random: Math.random, jobs };
  }
  const undisturbed = life(() => undefined);

  return {
    aws,
    rows,
    edit,
    life,
    /** Versions that the bot took away though they were not in S3. */
    lost,
    taken,
    everTaken,
    makeBackup: async (): Promise<BackupRecord> => (await makeBackup(undisturbed, { table: TABLE, by: 'U1' })).record,
    /** The versions of the writer's log that are nowhere any more. */
    missing(): readonly Item[] {
      const saved = savedVersions();
      const present = new Set([...rows().values()].map(canonicalItem));
      return [...log].filter(([id]) => !saved.has(id) && !present.has(id)).map(([, item]) => item);
    },
    undisturbed,
    flush: (
      ports: typeof undisturbed,
      backupId: string,
      mayWrite: () => void = () => {},
      covers?: (item: Item) => boolean,
    ) =>
      flushTable(ports, {
        jobId: 'flush',
        table: TABLE,
        backupId,
        maxDifference: 1_000,
        mayWrite,
        recordsPerSwap: 4,
        ...(covers && { scope: { covers, records: RECORDS } }),
      }),
    restore: (
      ports: typeof undisturbed,
      backupId: string,
      mode: 'merge' | 'replace' = 'replace',
      mayWrite: () => void = () => {},
    ) =>
      restoreBackup(ports, {
        jobId: 'restore',
        table: TABLE,
        backupId,
        mode,
        by: 'U1',
        mayWrite,
        recordsPerSwap: 4,
      }),
  };
}
export type FaultWorld = ReturnType<typeof createFaultWorld>;
