import { createHash } from 'node:crypto';
import { GetFunctionCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { GetObjectCommand, NoSuchBucket, NoSuchKey, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { asFaultError } from './aws.ts';
import { type DeployRefusal, DeployRefusedError } from './deploy-errors.ts';
import { type PackageContents, PackageError, type PackageLimits, readPackage, withFile } from './package-zip.ts';
import type { TableKey } from './table.ts';

/** Our module in a package, and the handler that it is reached by. */
export const MODULE_FILE = 'rescan_failure_logging.py';
export const MODULE_HANDLER = 'rescan_failure_logging.handler';
/** What the module is told through the function's environment. */
const FORMER_HANDLER = 'RESCAN_FORMER_HANDLER';

/** Lambda's limits: of a package when unpacked, of one that is sent directly, of the environment. */
const LIMITS: PackageLimits = { unpackedBytes: 250 * 1024 * 1024, files: 50_000 };
export const MOST_DIRECT_BYTES = 50 * 1024 * 1024;
const MOST_ENVIRONMENT_BYTES = 4 * 1024;

/** Where packages are kept, so that a rollback has the very bytes that ran before. */
export interface PackagePlace {
  readonly s3: S3Client;
  readonly bucket: string;
  /** Ends in `/`, or empty. */
  readonly prefix: string;
}

export interface PackagePorts {
  readonly lambda: LambdaClient;
  readonly place: PackagePlace;
  /** The source of our module. */
  readonly moduleSource: string;
}

/** A new version of the team's own code, to be deployed with it. */
export type GivenPackage =
  | { readonly kind: 's3'; readonly bucket: string; readonly key: string }
  | { readonly kind: 'zip'; readonly bytes: Uint8Array; readonly fileName: string };

const side = z.object({ codeSha256: z.string(), codeBytes: z.number(), handler: z.string() });
export const deployPlanSchema = z.object({
  functionName: z.string(),
  former: side.extend({
    /** What our variables held before; only those, as others may be secret. */
    environment: z.record(z.string(), z.string()),
  }),
  next: side.extend({ environment: z.record(z.string(), z.string()) }),
  /** Bytes of the new package, unpacked. */
  unpackedBytes: z.number(),
  ocrVersion: z.object({ before: z.string().exactOptional(), after: z.string().exactOptional() }),
  /** Nothing would change. */
  inPlace: z.boolean(),
  /** The name of the package that the team gave. */
  given: z.string().exactOptional(),
});
/** Exactly what a deploy changes, foretold: it is shown, confirmed and carried out. */
export type DeployPlan = z.infer<typeof deployPlanSchema>;

/**
 * Says what a deploy would change; the function is not touched. The packages before and after are put into the control
 * bucket, so that what was shown is what is deployed, and a rollback has the former bytes.
 * @throws DeployRefusedError, FaultError
 */
export async function planDeploy(
  ports: PackagePorts,
  about: {
    functionName: string;
    tableName: string;
    tableKeys: readonly TableKey[];
    keyEncoding: 'raw' | 'url';
    given?: GivenPackage;
  },
): Promise<DeployPlan> {
  const { functionName, given } = about;
  const answer = await ports.lambda
    .send(new GetFunctionCommand({ FunctionName: functionName }))
    .catch((error: unknown) => {
      throw asFaultError(error, { service: 'lambda', action: 'lambda:GetFunction', resource: functionName });
    });
  const { Configuration: facts = {}, Code: code = {} } = answer;
  const refuse = (refusal: DeployRefusal) => new DeployRefusedError(refusal);
  if (facts.PackageType === 'Image') throw refuse({ reason: 'image-package' });
  if (!facts.Runtime?.startsWith('python'))
    throw refuse({ reason: 'runtime-not-python', runtime: facts.Runtime ?? 'none' });
  if (facts.SigningProfileVersionArn !== undefined) throw refuse({ reason: 'signed-code' });
  if (facts.State === 'Failed') throw refuse({ reason: 'function-failed', why: facts.StateReason ?? 'not told' });
  if (facts.LastUpdateStatus === 'InProgress') throw refuse({ reason: 'update-in-progress' });
  if (code.Location === undefined) throw refuse({ reason: 'no-package' });

  const former = await download(code.Location);
  const codeSha256 = sha256(former);
  if (codeSha256 !== facts.CodeSha256)
    throw refuse({ reason: 'changed-since-preview', expected: facts.CodeSha256 ?? '', found: codeSha256 });
  const base = given ? await readGiven(ports, given) : former;
  const [before, contents] = await Promise.all([
    readOrUndefined(former),
    readPackage(base, LIMITS).catch((error: unknown) => {
      if (!(error instanceof PackageError)) throw error;
      throw refuse({ reason: 'package-unreadable', name: nameOf(given), problem: error.problem });
    }),
  ]);
  const variables = facts.Environment?.Variables ?? {};
  const handler = facts.Handler ?? '';
  const formerHandler = handler === MODULE_HANDLER ? (variables[FORMER_HANDLER] ?? '') : handler;
  await requireHandler(formerHandler, contents);

  const isThere = (await contents.text(MODULE_FILE)) === ports.moduleSource;
  const file = { path: MODULE_FILE, content: new TextEncoder().encode(ports.moduleSource), mode: 0o644 };
  const next = isThere ? base : await withFile(base, file);
  const unpackedBytes = contents.unpackedBytes + (isThere ? 0 : file.content.length);
  if (unpackedBytes > LIMITS.unpackedBytes)
    throw refuse({ reason: 'too-large', bytes: unpackedBytes, most: LIMITS.unpackedBytes });
  const environment = moduleEnvironment(formerHandler, about);
  const size = environmentBytes({ ...variables, ...environment });
  if (size > MOST_ENVIRONMENT_BYTES)
    throw refuse({ reason: 'environment-too-large', bytes: size, most: MOST_ENVIRONMENT_BYTES });

  const nextSha = sha256(next);
  await Promise.all([store(ports.place, codeSha256, former), store(ports.place, nextSha, next)]);
  const versionBefore = await ocrVersion(before);
  const versionAfter = await ocrVersion(contents);
  return {
    functionName,
    former: {
      codeSha256,
      codeBytes: former.length,
      handler,
      environment: Object.fromEntries(Object.entries(variables).filter(([name]) => environment[name] !== undefined)),
    },
    next: { codeSha256: nextSha, codeBytes: next.length, handler: MODULE_HANDLER, environment },
    unpackedBytes,
    ocrVersion: {
      ...(versionBefore === undefined ? {} : { before: versionBefore }),
      ...(versionAfter === undefined ? {} : { after: versionAfter }),
    },
    inPlace:
      nextSha === codeSha256 &&
      handler === MODULE_HANDLER &&
      Object.entries(environment).every(([name, value]) => variables[name] === value),
    ...(given ? { given: nameOf(given) } : {}),
  };
}

/** The key of a stored package: by its content, so that the same one is stored once. */
export const packageKey = (place: Pick<PackagePlace, 'prefix'>, codeSha256: string): string =>
  `${place.prefix}${Buffer.from(codeSha256, 'base64').toString('hex')}.zip`;

/** A package as it was stored. @throws DeployRefusedError where it is gone or other bytes stand there. */
export async function readStored({ s3, bucket, prefix }: PackagePlace, codeSha256: string): Promise<Uint8Array> {
  const key = packageKey({ prefix }, codeSha256);
  const bytes = await readObject(s3, bucket, key);
  if (!bytes || sha256(bytes) !== codeSha256) throw new DeployRefusedError({ reason: 'stored-package-gone', key });
  return bytes;
}

/** As Lambda gives it: base64 of SHA-256. */
export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64');

async function download(location: string): Promise<Uint8Array> {
  const reply = await fetch(location, { signal: AbortSignal.timeout(120_000) });
  if (!reply.ok) throw new DeployRefusedError({ reason: 'package-not-given', status: reply.status });
  return new Uint8Array(await reply.arrayBuffer());
}

async function readGiven({ place }: PackagePorts, given: GivenPackage): Promise<Uint8Array> {
  if (given.kind === 'zip') return given.bytes;
  const bytes = await readObject(place.s3, given.bucket, given.key);
  if (!bytes) throw new DeployRefusedError({ reason: 'given-not-found', name: nameOf(given) });
  return bytes;
}

const nameOf = (given: GivenPackage | undefined): string =>
  given === undefined
    ? 'the package of the function'
    : given.kind === 'zip'
      ? given.fileName
      : `s3://${given.bucket}/${given.key}`;

async function readObject(s3: S3Client, bucket: string, key: string): Promise<Uint8Array | undefined> {
  try {
    const found = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return await found.Body?.transformToByteArray();
  } catch (error) {
    if (error instanceof NoSuchKey || error instanceof NoSuchBucket) return;
    throw asFaultError(error, { service: 's3', action: 's3:GetObject', resource: `${bucket}/${key}` });
  }
}

async function store({ s3, bucket, prefix }: PackagePlace, codeSha256: string, bytes: Uint8Array): Promise<void> {
  const key = packageKey({ prefix }, codeSha256);
  const put = new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes, ContentType: 'application/zip' });
  await s3.send(put).catch((error: unknown) => {
    throw asFaultError(error, { service: 's3', action: 's3:PutObject', resource: `${bucket}/${key}` });
  });
}

const readOrUndefined = (zip: Uint8Array): Promise<PackageContents | undefined> =>
  readPackage(zip, LIMITS).catch((error: unknown) => {
    // Only its version is shown: what runs today may be any package.
    if (error instanceof PackageError) return undefined;
    throw error;
  });

/** `VERSION=2.6.1` of OCR_VERSION.txt. */
async function ocrVersion(contents: PackageContents | undefined): Promise<string | undefined> {
  const text = await contents?.text('OCR_VERSION.txt');
  return text === undefined ? undefined : /^VERSION=(.+)$/m.exec(text)?.[1]?.trim();
}

/**
 * That the handler can be found: its module is a file of the package, its name stands in it (or all of another module is
 * imported there), and it is not our own, which would call itself. @throws DeployRefusedError
 */
async function requireHandler(handler: string, contents: PackageContents): Promise<void> {
  const at = handler.lastIndexOf('.');
  const module = handler.slice(0, at).replaceAll('.', '/');
  const name = handler.slice(at + 1);
  const path = [`${module}.py`, `${module}/__init__.py`].find((candidate) => contents.has(candidate));
  const text = at < 1 || path === undefined || handler === MODULE_HANDLER ? undefined : await contents.text(path);
  if (text === undefined || !/^[\p{L}\p{N}_]+$/u.test(name) || !namesIt(text, name))
    throw new DeployRefusedError({ reason: 'handler-not-found', handler });
}

const namesIt = (source: string, name: string): boolean =>
  new RegExp(`(?<![\\p{L}\\p{N}_])${name}(?![\\p{L}\\p{N}_])|^from\\s.*\\simport\\s+\\*`, 'mu').test(source);

function moduleEnvironment(
  formerHandler: string,
  { tableName, tableKeys, keyEncoding }: { tableName: string; tableKeys: readonly TableKey[]; keyEncoding: string },
): Record<string, string> {
  const named = (role: TableKey['role']) => {
    const key = tableKeys.find((candidate) => candidate.role === role);
    return key && { name: key.name, type: key.type };
  };
  const sort = named('RANGE');
  return {
    [FORMER_HANDLER]: formerHandler,
    RESCAN_TABLE: tableName,
    RESCAN_TABLE_KEY: JSON.stringify({ partition: named('HASH'), ...(sort ? { sort } : {}) }),
    RESCAN_KEY_ENCODING: keyEncoding,
  };
}

const environmentBytes = (variables: Record<string, string>): number => Buffer.byteLength(JSON.stringify(variables));
