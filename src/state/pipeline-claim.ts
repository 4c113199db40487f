import { GetObjectCommand, NoSuchKey, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { defined } from '../lib/defined.ts';
import { parseJson } from '../lib/json.ts';
import { asFaultError } from '../pipeline/aws.ts';
import { FaultError } from '../pipeline/fault.ts';
import type { ControlTable, Key } from './table/control-table.ts';

const pipelineSchema = z.object({ imageBucket: z.string(), ocrFunction: z.string(), table: z.string() });

/** The pipeline whose state a bot keeps, by the names in its settings. */
export type Pipeline = z.infer<typeof pipelineSchema>;

const PARTITION = 'pipeline';
/** The claim of a control table. Under other sort keys, an earlier version let several pipelines of a file claim one table. */
const CLAIM: Key = { pk: PARTITION, sk: 'pipeline' };
const FILE = 'pipeline.json';
const claimSchema = z.looseObject({ pipeline: pipelineSchema, controlTable: z.string() });
const entrySchema = z.looseObject({ ...pipelineSchema.shape, name: z.string().exactOptional() });

/**
 * Claims the control table and the prefix in the control bucket for this pipeline: the first bot that starts on them
 * writes its pipeline there. Two pipelines on one prefix would overwrite each other's files. In one control table they
 * would read each other's runs, checklists and overrides, whose ids each pipeline counts from 1, and remove each other's
 * progress of table jobs.
 * @throws FaultError when either belongs to another pipeline or another control table. The pipeline must not start then.
 */
export async function claimPipeline(parts: {
  readonly table: ControlTable;
  readonly tableName: string;
  readonly s3: S3Client;
  readonly bucket: string;
  /** Empty, or ending in `/`. */
  readonly prefix: string;
  readonly pipeline: Pipeline;
  /** In the file of pipelines; absent for the one pipeline of the environment. */
  readonly name?: string;
}): Promise<void> {
  await claimTable(parts);
  await claimPrefix(parts);
}

/** @throws FaultError when the table belongs to another pipeline, or to another one as well */
async function claimTable(parts: Parameters<typeof claimPipeline>[0]): Promise<void> {
  const { table, tableName, pipeline, name } = parts;
  const claims = (await Array.fromAsync(table.list(PARTITION))).map(({ pk, sk, ...entry }) => ({
    key: { pk, sk },
    claim: entrySchema.safeParse(entry).data,
  }));
  const other = claims.find(({ claim }) => !claim || !isSame(claim, pipeline));
  if (other) {
    const owner = other.claim ? describe(other.claim, other.claim.name) : 'its names cannot be read';
    throw conflict(
      `The control table ${tableName} belongs to another pipeline: ${owner}. This bot is set to ${describe(pipeline, name)}.`,
      `Each pipeline needs a control table of its own: give this one another CONTROL_TABLE, and a CONTROL_PREFIX that no other pipeline has. If it is the same pipeline with other resources, or the other one does not use ${tableName} any more, delete the item with pk "${PARTITION}" and sk "${other.key.sk}" from ${tableName}. If it is the same pipeline, also delete the object ${FILE} next to the backups.`,
    );
  }
  if (claims.length === 0) {
    const isFirst = await table.create(CLAIM, { ...pipeline, ...defined({ name }) });
    return isFirst ? undefined : claimTable(parts);
  }
  for (const { key, claim } of claims)
    if (name !== undefined && claim?.name !== name) await table.update(key, { set: { name } }, { exists: true });
}

async function claimPrefix(parts: Parameters<typeof claimPipeline>[0]): Promise<void> {
  const { s3, bucket, prefix, tableName, pipeline } = parts;
  const object = { Bucket: bucket, Key: `${prefix}${FILE}` };
  const asked = (action: string) => ({ service: 's3', action, resource: bucket });
  const found = await s3
    .send(new GetObjectCommand(object))
    .then(({ Body }) => Body?.transformToString())
    .catch((error: unknown) => {
      if (error instanceof NoSuchKey) return undefined;
      throw asFaultError(error, asked('s3:GetObject'));
    });
  if (found === undefined) {
    const Body = JSON.stringify({ pipeline, controlTable: tableName }, null, 2);
    await s3
      .send(new PutObjectCommand({ ...object, Body, ContentType: 'application/json' }))
      .catch((error: unknown) => {
        throw asFaultError(error, asked('s3:PutObject'));
      });
    return;
  }
  const claim = claimSchema.safeParse(parseJson(found));
  if (claim.success && claim.data.controlTable === tableName && isSame(claim.data.pipeline, pipeline)) return;
  const owner = claim.success
    ? `by the bot with the control table ${claim.data.controlTable}, for ${describe(claim.data.pipeline)}`
    : `by another bot (${FILE} there cannot be read)`;
  throw conflict(
    `s3://${bucket}/${prefix} is used ${owner}. This bot has the control table ${tableName} and is set to ${describe(pipeline)}.`,
    `Give this bot a CONTROL_PREFIX of its own, such as ${pipeline.table}/. If it is the same pipeline with other resources or another control table, delete s3://${bucket}/${object.Key}.`,
  );
}

const isSame = (one: Pipeline, other: Pipeline) =>
  one.imageBucket === other.imageBucket && one.ocrFunction === other.ocrFunction && one.table === other.table;
const describe = ({ imageBucket, ocrFunction, table }: Pipeline, name?: string) =>
  `${name === undefined ? '' : `${name}, with `}the bucket ${imageBucket}, the function ${ocrFunction} and the table ${table}`;
const conflict = (message: string, fix: string) => new FaultError({ reason: 'control-table', message, fix });
