import { GetObjectCommand, NoSuchKey, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { parseJson } from '../lib/json.ts';
import { asFaultError } from '../pipeline/aws.ts';
import { FaultError } from '../pipeline/fault.ts';
import type { ControlTable } from './table/control-table.ts';

const pipelineSchema = z.object({ imageBucket: z.string(), ocrFunction: z.string(), table: z.string() });

/** The pipeline whose state a bot keeps, by the names in its settings. */
export type Pipeline = z.infer<typeof pipelineSchema>;

const PARTITION = 'pipeline';
/** The sort key of the first pipeline of a table. It is the only one that earlier versions know. */
const FIRST = 'pipeline';
const FILE = 'pipeline.json';
const claimSchema = z.looseObject({ pipeline: pipelineSchema, controlTable: z.string() });
const entrySchema = z.looseObject({ ...pipelineSchema.shape, name: z.string().exactOptional() });
const MOST_ATTEMPTS = 5;

/**
 * Claims the control table and the prefix in the control bucket for this pipeline: the first bot that starts on them
 * writes its pipeline there. Two pipelines on one prefix would overwrite each other's files. Pipelines of a file, which
 * have a `name`, may share a control table, because its entries are kept by the name of the function: two pipelines whose
 * functions have the same name would mix, and a pipeline of that name with other resources would lose what was kept.
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
  /** In the file of pipelines; absent for the one pipeline of the environment, which shares its table with no other. */
  readonly name?: string;
}): Promise<void> {
  for (let attempt = 1; !(await claimTable(parts)); attempt++)
    if (attempt === MOST_ATTEMPTS)
      throw conflict(
        `The control table ${parts.tableName} could not be claimed for ${describe(parts.pipeline)}: others claim it at the same time.`,
        'Start again.',
      );
  await claimPrefix(parts);
}

/** False where somebody else claimed the table at the same time. @throws FaultError when it belongs to another pipeline */
async function claimTable({ table, tableName, pipeline, name }: Parameters<typeof claimPipeline>[0]): Promise<boolean> {
  const claims: { readonly sk: string; readonly claim: z.infer<typeof entrySchema> | undefined }[] = [];
  for await (const entry of table.list(PARTITION))
    claims.push({ sk: entry.sk, claim: entrySchema.safeParse(entry).data });
  const own = claims.find(({ claim }) => claim && isSame(claim, pipeline));
  const other = claims.find(
    ({ claim }) =>
      !claim ||
      (!isSame(claim, pipeline) &&
        (name === undefined ? !own : claim.ocrFunction === pipeline.ocrFunction || claim.name === name)),
  );
  if (other) {
    const owner = other.claim ? describe(other.claim) : 'its names cannot be read';
    throw conflict(
      `The control table ${tableName} belongs to another pipeline: ${owner}. This bot is set to ${describe(pipeline)}.`,
      `Give this bot a CONTROL_TABLE and a CONTROL_PREFIX of its own. If it is the same pipeline under a new name, delete the item with pk "${PARTITION}" and sk "${other.sk}" from ${tableName} and the object ${FILE} next to the backups.`,
    );
  }
  if (own?.claim) {
    if (name !== undefined && own.claim.name !== name)
      await table.update({ pk: PARTITION, sk: own.sk }, { set: { name } }, { exists: true });
    return true;
  }
  const sk = claims.length === 0 ? FIRST : `${FIRST}#${pipeline.ocrFunction}`;
  // Read again after it: somebody else may have claimed the table under another key.
  await table.create({ pk: PARTITION, sk }, { ...pipeline, ...(name === undefined ? {} : { name }) });
  return false;
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
