import { GetObjectCommand, NoSuchKey, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { asFaultError } from '../pipeline/aws.ts';
import { FaultError } from '../pipeline/fault.ts';
import type { ControlTable } from './control-table.ts';

const pipelineSchema = z.object({ imageBucket: z.string(), ocrFunction: z.string(), table: z.string() });

/** The pipeline whose state a bot keeps: the names as they are set. */
export type Pipeline = z.infer<typeof pipelineSchema>;

const KEY = { pk: 'pipeline', sk: 'pipeline' };
const FILE = 'pipeline.json';
const claimSchema = z.looseObject({ pipeline: pipelineSchema, controlTable: z.string() });

/**
 * The control table and the place in the control bucket are this pipeline's afterwards: the first bot that starts on them writes
 * its pipeline there. Two pipelines on one table would take one another's runs for theirs, two tables on one place in the bucket
 * would overwrite each other's manifests.
 * @throws FaultError where either belongs to another pipeline or another control table: the start must end there.
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
  const held = pipelineSchema.safeParse(await table.read(KEY));
  if (!held.success || !isSame(held.data, pipeline))
    throw taken(
      `The control table ${tableName} belongs to another pipeline: ${held.success ? words(held.data) : 'which one cannot be read'}. This bot is set to ${words(pipeline)}.`,
      `Give this bot a CONTROL_TABLE and a CONTROL_PREFIX of its own. If it is the same pipeline under a new name, delete the entry with pk and sk "pipeline" of ${tableName} and the object ${FILE} beside the backups.`,
    );
  await claimPlace(parts);
}

async function claimPlace(parts: Parameters<typeof claimPipeline>[0]): Promise<void> {
  const { s3, bucket, prefix, tableName, pipeline } = parts;
  const location = { Bucket: bucket, Key: `${prefix}${FILE}` };
  const asked = (action: string) => ({ service: 's3', action, resource: bucket });
  const found = await s3
    .send(new GetObjectCommand(location))
    .then(({ Body }) => Body?.transformToString())
    .catch((error: unknown) => {
      if (error instanceof NoSuchKey) return undefined;
      throw asFaultError(error, asked('s3:GetObject'));
    });
  if (found === undefined) {
    const Body = JSON.stringify({ pipeline, controlTable: tableName }, null, 2);
    await s3
      .send(new PutObjectCommand({ ...location, Body, ContentType: 'application/json' }))
      .catch((error: unknown) => {
        throw asFaultError(error, asked('s3:PutObject'));
      });
    return;
  }
  const claim = claimSchema.safeParse(parsed(found));
  if (claim.success && claim.data.controlTable === tableName && isSame(claim.data.pipeline, pipeline)) return;
  const whose = claim.success
    ? `the bot with the control table ${claim.data.controlTable}, for ${words(claim.data.pipeline)}`
    : 'a bot whose claim cannot be read';
  throw taken(
    `s3://${bucket}/${prefix} is where ${whose} keeps its runs and backups. This bot has the control table ${tableName}, and is set to ${words(pipeline)}.`,
    `Give this bot a CONTROL_PREFIX of its own, such as ${pipeline.table}/. If it is the same pipeline under a new name, delete s3://${bucket}/${location.Key}.`,
  );
}

const isSame = (one: Pipeline, other: Pipeline) =>
  one.imageBucket === other.imageBucket && one.ocrFunction === other.ocrFunction && one.table === other.table;
const words = ({ imageBucket, ocrFunction, table }: Pipeline) =>
  `the bucket ${imageBucket}, the function ${ocrFunction} and the table ${table}`;
const taken = (message: string, fix: string) => new FaultError({ reason: 'control-table', message, fix });

/** What is no JSON is nothing that can be read. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
