import { recordsOfPerson, recordsWith } from '../../pipeline/table/image-rows.ts';
import { failedName, imageAttributes, keyAndKindAttributes, type RecordShape } from '../../pipeline/table/records.ts';
import { scanTable } from '../../pipeline/table/scan.ts';
import { describeTable, shapeOf } from '../../pipeline/table/table.ts';
import { findMissingRows } from '../../results/reconcile/missing-rows.ts';
import type { DriverPorts } from '../../run/engines/driver.ts';
import type { OutcomeRecord } from '../../run/model/types.ts';
import { lookUpRows } from '../../run/proof/look-up-rows.ts';
import { claimOf, proofAttributes, type RowClaim } from '../../run/proof/row-proof.ts';
import type { RowProof } from '../../run/rules/row-watch.ts';
import type { BotContext } from '../context.ts';

/** The parts of a run that prove its rows by reading the table. */
export interface RowChecks extends Pick<DriverPorts, 'missingRows'> {
  readonly lookUpRows: (claims: readonly OutcomeRecord[], signal?: AbortSignal) => Promise<readonly RowProof[]>;
  readonly lookUp: (claim: RowClaim) => Promise<RowProof>;
}

const SEGMENTS = 4;
/** The key of a table does not change, but the table may be created anew with another one. */
const SCHEMA_MS = 60_000;

export function assembleRowChecks(context: BotContext, waitMs: number): RowChecks {
  const { settings, profile, aws, runStore, manifests, counts, clock } = context;
  const { table, imageBucket: bucket } = settings;
  const dynamodb = aws.bulkDynamodb;
  let schema: { readonly readAt: number; readonly keys: RecordShape; readonly isTextHash: boolean } | undefined;

  async function readSchema() {
    if (schema === undefined || clock.now() - schema.readAt > SCHEMA_MS) {
      const facts = await describeTable(dynamodb, table);
      schema = { readAt: clock.now(), keys: shapeOf(facts, profile), isTextHash: facts.keys[0]?.type === 'S' };
    }
    return schema;
  }
  const attributesOf = (keys: RecordShape) => [
    ...new Set([...keyAndKindAttributes(keys), ...proofAttributes(profile)]),
  ];

  async function lookUp(claims: readonly RowClaim[], signal?: AbortSignal): Promise<readonly RowProof[]> {
    const { keys, isTextHash } = await readSchema();
    const isKeyOfPerson = isTextHash && profile.person !== undefined && profile.person.attribute === undefined;
    const read = { keys, projection: attributesOf(keys), ...(signal && { signal }) };
    return lookUpRows(claims, {
      keys,
      bucket,
      recordsOf: (person) => (isKeyOfPerson ? recordsOfPerson(dynamodb, table, person, read) : noPages()),
      recordsWith: async (attribute, texts) =>
        (await counts.isCountable()) ? recordsWith(dynamodb, table, attribute, texts, read) : undefined,
    });
  }

  const lookUpRecords: RowChecks['lookUpRows'] = async (records, signal) => {
    const claims = records.flatMap((record) => claimOf(record) ?? []);
    return lookUp(claims, signal);
  };

  return {
    lookUp: async (claim) => (await lookUp([claim]))[0] ?? 'unknown',
    lookUpRows: lookUpRecords,
    async *missingRows({ runId, plan, startedAt }, signal) {
      const { keys } = await readSchema();
      const ports = {
        clock,
        keys,
        bucket,
        manifest: () => manifests.read(runId, 0),
        journal: () => runStore.journal(runId, 0),
        rows: (stop: AbortSignal) =>
          scanTable(dynamodb, table, {
            segments: SEGMENTS,
            signal: stop,
            projection: [
              ...new Set([...attributesOf(keys), ...imageAttributes(profile), failedName(profile, 'FailureTimestamp')]),
            ],
          }),
        isLarge: async () => !(await counts.isCountable()),
        lookUp: lookUpRecords,
        waitMs,
      };
      const run = { images: plan.total, ...(startedAt !== undefined && { startedAt }) };
      yield* findMissingRows(run, ports, signal);
    },
  };
}

async function* noPages(): AsyncGenerator<never> {}
