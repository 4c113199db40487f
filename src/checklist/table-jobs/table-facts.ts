import { hash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Fingerprint } from '../../approvals/fingerprint.ts';
import { NotRecreatableError } from '../../backup/errors.ts';
import type { BackupRecord } from '../../backup/format/backup-record.ts';
import { readPointInTimeRecovery } from '../../backup/native/native.ts';
import { defined } from '../../lib/defined.ts';
import type { Profile } from '../../pipeline/profile/profile.ts';
import { TIMESHEETS } from '../../pipeline/profile/timesheets.ts';
import { countByKind } from '../../pipeline/table/count.ts';
import { describeTable, shapeOf, type TableFacts } from '../../pipeline/table/table.ts';
import { describeInFull, type TableClients } from '../../pipeline/whole-table/describe-in-full.ts';
import { digestOfDescription } from '../../pipeline/whole-table/description.ts';
import type { TableAction } from '../contracts/table-action.ts';
import type { FlushPlan, NotRebuildable, RecreationFacts, TableNow, WriteCost } from '../contracts/table-control.ts';
import type { Override } from '../model/step.ts';

/** The table as it is now, its records counted by kind with consistent reads. @throws TableNotFoundError, the SDK's error. */
export async function readTableNow(dynamodb: DynamoDBClient, table: string, profile: Profile): Promise<TableNow> {
  const facts = await describeTable(dynamodb, table);
  const [counts, recovery] = await Promise.all([
    countByKind(dynamodb, table, { keys: shapeOf(facts, profile) }),
    // It is information for people: a missing permission is no reason to refuse.
    readPointInTimeRecovery(dynamodb, table),
  ]);
  const { name, account, region, arn, status, deletionProtection, hasStream, replicas } = facts;
  return {
    name,
    account,
    region,
    arn,
    status,
    counts,
    deletionProtection,
    pointInTimeRecovery: recovery,
    writeCost: writeCostOf(facts),
    hasStream,
    replicas,
  };
}

/** What `flush recreate` deletes and creates. @throws NotRecreatableError, FaultError where something may not be read. */
export async function readRecreation(clients: TableClients, table: string): Promise<RecreationFacts> {
  const { description, losses, obstacles } = await describeInFull(clients, table);
  if (obstacles.length > 0) throw new NotRecreatableError(table, obstacles);
  const indexes = description.create.GlobalSecondaryIndexes?.length ?? 0;
  const local = description.create.LocalSecondaryIndexes?.length ?? 0;
  return { digest: digestOfDescription(description), losses, indexes: indexes + local };
}

/** A write in a transaction costs 2 write units for each KB that is begun (DynamoDB developer guide, "Read/write capacity mode"). */
const UNITS_PER_KB = 2;

export function writeCostOf(
  facts: Pick<TableFacts, 'approximateItems' | 'approximateBytes' | 'indexes' | 'writeCapacity'>,
): WriteCost {
  const { approximateItems, approximateBytes, indexes, writeCapacity } = facts;
  const kilobytes = approximateItems > 0 ? Math.ceil(approximateBytes / approximateItems / 1024) : 1;
  return {
    unitsPerRecord: UNITS_PER_KB * Math.max(1, kilobytes),
    indexes: indexes.length,
    ...defined({ unitsPerSecond: writeCapacity }),
  };
}

/** Which records, however many: their number, and a hash of their ids. */
const fingerprintOfEntries = (entries: readonly string[]): string =>
  `${entries.length} (${hash('sha256', [...entries].sort().join(' '), 'hex').slice(0, 12)})`;

/** The fact that binds an approval to the versions that it lets a restore overwrite. */
export const OVERWRITTEN = 'records overwritten';

/** How the names of facts about overridden steps begin; the name of the step follows. */
export const OVERRIDDEN = 'overridden: ';

/** The fact that names the open checklist, and its value where none is open. */
export const CHECKLIST = 'checklist';
export const NO_CHECKLIST = 'none is open';

/** How many records the table has. */
export const RECORDS_COUNTED = 'records counted';

/** How many records name an image of the scope. */
export const RECORDS_OF_SCOPE = 'records of the scope';

/** What the rescan cannot build again. */
export const NOT_REBUILDABLE = 'records that the rescan cannot rebuild';

/** The facts that a job changes by its own work: an interrupted job is not compared by them. */
export const CHANGED_BY_JOBS: ReadonlySet<string> = new Set([RECORDS_COUNTED, RECORDS_OF_SCOPE, NOT_REBUILDABLE]);

/** The fact that binds an approval to everything that DynamoDB reports about the table. */
export const TABLE_DESCRIPTION = 'description of the table';

/** How the names of facts about what a new table cannot have begin. */
export const NOT_KEPT = 'not kept';

const recreationFacts = ({ digest, losses }: RecreationFacts, now: TableNow): Fingerprint => [
  { name: TABLE_DESCRIPTION, value: digest },
  {
    name: 'safeguard',
    value:
      now.pointInTimeRecovery === 'on'
        ? 'the system backup that DynamoDB makes at the deletion and keeps for 35 days'
        : 'a native backup, made right before the deletion; what is written in between is lost',
  },
  ...losses.map((loss, index) => ({ name: `${NOT_KEPT}, ${index + 1}`, value: loss })),
];

/** The fact that names what else gets every write to the table. */
export const CONSUMERS = 'gets every write, too';
const consumersOf = ({ hasStream, replicas }: TableNow): string =>
  [
    ...(hasStream ? ['the consumers of the stream'] : []),
    ...(replicas > 0 ? [`${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`] : []),
  ].join(', ');

/** By the profile it is decided which records are those of failures or of a scope: another profile needs another approval. */
const profileFacts = (profile: Profile): Fingerprint =>
  isDeepStrictEqual(profile, TIMESHEETS)
    ? []
    : [{ name: 'profile', value: `${profile.name} (${hash('sha256', JSON.stringify(profile), 'hex').slice(0, 12)})` }];

/** What an approval of an action is given on. When anything of it changes, the approval no longer covers the action. */
export function fingerprintOf(
  now: TableNow,
  backup: BackupRecord,
  action: Exclude<TableAction, { kind: 'prune' }>,
  about: {
    readonly codeSha256: string;
    /** The checklist that a flush belongs to. */
    readonly checklistId: string | undefined;
    /** What an approver has overridden: whoever approves must see it. */
    readonly overridden: readonly Override[];
    readonly profile: Profile;
    /** Only of `flush recreate`. */
    readonly recreation?: RecreationFacts;
  } & Pick<FlushPlan, 'scope' | 'notRebuildable'>,
): Fingerprint {
  const options =
    action.kind === 'flush'
      ? [
          { name: 'what is deleted', value: whatIsDeleted(action) },
          ...profileFacts(about.profile),
          ...(about.recreation ? recreationFacts(about.recreation, now) : []),
          ...(about.scope ? scopeFacts(about.scope) : []),
          ...(about.notRebuildable ? notRebuildableFacts(about.notRebuildable) : []),
          { name: CHECKLIST, value: about.checklistId ?? NO_CHECKLIST },
        ]
      : [
          { name: 'mode', value: action.mode },
          ...(action.entries?.length ? [{ name: 'records', value: fingerprintOfEntries(action.entries) }] : []),
          ...(action.overwrites
            ? [
                {
                  name: OVERWRITTEN,
                  value: fingerprintOfEntries(action.overwrites.map(({ id, seen }) => `${id}=${seen}`)),
                },
              ]
            : []),
        ];
  return [
    { name: 'action', value: action.kind },
    ...(action.continues === undefined ? [] : [{ name: 'continues', value: action.continues }]),
    { name: 'account', value: now.account },
    { name: 'region', value: now.region },
    { name: 'table', value: now.arn },
    { name: RECORDS_COUNTED, value: now.counts.total.toLocaleString('en-US') },
    { name: 'point-in-time recovery', value: now.pointInTimeRecovery },
    ...(now.hasStream || now.replicas > 0 ? [{ name: CONSUMERS, value: consumersOf(now) }] : []),
    { name: 'backup', value: backup.id },
    { name: 'digest of the backup', value: backup.digest.sum },
    ...options,
    { name: 'code of the function', value: about.codeSha256 },
    ...about.overridden.map(({ step, by, reason }) => ({
      name: `${OVERRIDDEN}${step}`,
      value: `${by} because ${reason}`,
    })),
  ];
}

const whatIsDeleted = ({ failedOnly, recreate, scope }: Extract<TableAction, { kind: 'flush' }>): string => {
  if (recreate) return 'the table itself, which is created anew';
  if (scope) return `the records that name one of ${scope.images} images`;
  return failedOnly ? 'failed-image records only' : 'every record';
};

/** The fact that names the people of a scope, with their records as they were counted when it was set. */
export const PEOPLE_OF_SCOPE = 'people when the scope was set';
const NAMED_PEOPLE = 5;

function scopeFacts({ scope, recordsNow }: NonNullable<FlushPlan['scope']>): Fingerprint {
  const named = scope.people.top.slice(0, NAMED_PEOPLE).map(({ name, records }) => `${name} (${records})`);
  const more = scope.people.total - named.length;
  return [
    { name: 'scope', value: scope.id },
    { name: 'images of the scope', value: scope.sha256 },
    { name: RECORDS_OF_SCOPE, value: recordsNow.toLocaleString('en-US') },
    { name: PEOPLE_OF_SCOPE, value: `${named.join(', ')}${more > 0 ? `, and ${more} more` : ''}` || 'none' },
  ];
}

function notRebuildableFacts({ missing, archived, nameless }: NotRebuildable): Fingerprint {
  const total = missing.records + archived.records + nameless;
  if (total === 0) return [];
  const count = (n: number, one: string, many: string) => `${n.toLocaleString('en-US')} ${n === 1 ? one : many}`;
  const name = (records: number) => count(records, 'names', 'name');
  const parts = [
    ...(missing.records > 0
      ? [`${name(missing.records)} ${count(missing.images, 'image that is', 'images that are')} not in the bucket`]
      : []),
    ...(archived.records > 0
      ? [`${name(archived.records)} ${count(archived.images, 'archived image', 'archived images')}`]
      : []),
    ...(nameless > 0 ? [`${name(nameless)} no image`] : []),
  ];
  return [{ name: NOT_REBUILDABLE, value: `${total.toLocaleString('en-US')}: ${parts.join(', ')}` }];
}
