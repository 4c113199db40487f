import { GetObjectCommand, NoSuchKey, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { parseJson } from '../lib/json.ts';
import { asFaultError } from '../pipeline/aws.ts';
import { FaultError } from '../pipeline/fault.ts';
import type { ControlTable } from './control-table.ts';

const pipelineSchema = z.object({ imageBucket: z.string(), ocrFunction: z.string(), table: z.string() });

/** The pipeline whose state a bot keeps, by the names in its settings. */
export type Pipeline = z.infer<typeof pipelineSchema>;

const KEY = { pk: 'pipeline', sk: 'pipeline' };
const FILE = 'pipeline.json';
const claimSchema = z.looseObject({ pipeline: pipelineSchema, controlTable: z.string() });

/**
 * Claims the control table and the prefix in the control bucket for this pipeline: the first bot that starts on them
 * writes its pipeline there. Two pipelines on one table would confuse each other's runs, and two tables on one prefix
 * would overwrite each other's files.
 * @throws FaultError when either belongs to another pipeline or another control table. The bot must not start then.
 */
export async function claimPipeline(parts: {
  readonly table: ControlTable;
  readonly tableName: string;
  readonly s3: S3Client;
  readonly bucket: string;
  /** Empty, or ending in `/`. */
  readonly prefix: string;
  readonly pipeline: Pipeline;
}): Promise<void> {
  const { table, tableName, pipeline } = parts;
  await table.create(KEY, { ...pipeline });
  const claim = pipelineSchema.safeParse(await table.read(KEY));
  if (!claim.success || !isSame(claim.data, pipeline))
    throw conflict(
      `The control table ${tableName} belongs to another pipeline: ${claim.success ? describe(claim.data) : 'its names cannot be read'}. This bot is set to ${describe(pipeline)}.`,
      `Give this bot a CONTROL_TABLE and a CONTROL_PREFIX of its own. If it is the same pipeline under a new name, delete the item with pk and sk "pipeline" from ${tableName} and the object ${FILE} next to the backups.`,
    );
  await claimPrefix(parts);
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
    `Give this bot a CONTROL_PREFIX of its own, such as ${pipeline.table}/. If it is the same pipeline under a new name, delete s3://${bucket}/${object.Key}.`,
  );
}

const isSame = (one: Pipeline, other: Pipeline) =>
  one.imageBucket === other.imageBucket && one.ocrFunction === other.ocrFunction && one.table === other.table;
const describe = ({ imageBucket, ocrFunction, table }: Pipeline) =>
  `the bucket ${imageBucket}, the function ${ocrFunction} and the table ${table}`;
const conflict = (message: string, fix: string) => new FaultError({ reason: 'control-table', message, fix });
