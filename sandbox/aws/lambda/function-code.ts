import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { sendXmlError } from '../http.ts';
import type { World } from '../world.ts';
import { changesAllowed } from './function-configuration.ts';
import { type FunctionPackage, openPackage, PackageRefusedError } from './function-package.ts';
import { type FunctionRevision, type FunctionState, hexOf } from './function-state.ts';
import { badParameter, LambdaRefusal } from './lambda-http.ts';

/** The largest request to UpdateFunctionCode: 50 MB of zip, encoded in base64. */
export const MOST_DIRECT_BYTES = 70_167_211;
const PATH = '/sandbox/packages/';

const codeSchema = z.object({
  ZipFile: z.string().optional(),
  S3Bucket: z.string().optional(),
  S3Key: z.string().optional(),
  ImageUri: z.string().optional(),
  Publish: z.boolean().default(false),
  DryRun: z.boolean().default(false),
  RevisionId: z.string().optional(),
});

/**
 * UpdateFunctionCode. Returns the current revision, or the version that was published from it. @throws LambdaRefusal
 */
export async function updateCode(
  body: unknown,
  { state, world, s3 }: { state: FunctionState; world: World; s3: S3Client },
): Promise<FunctionRevision> {
  const read = codeSchema.safeParse(body);
  if (!read.success) throw badParameter('The request to UpdateFunctionCode is malformed.');
  const { ZipFile, S3Bucket, S3Key, ImageUri, Publish, DryRun, RevisionId } = read.data;
  if (world.packageType === 'Image')
    throw badParameter('Please provide ImageUri when updating a function with packageType Image.');
  if (ImageUri !== undefined)
    throw badParameter("Please don't provide ImageUri when updating a function with packageType Zip.");
  if (ZipFile !== undefined && S3Bucket !== undefined)
    throw badParameter('Please do not provide other FunctionCode parameters when providing a ZipFile.');
  changesAllowed(state, RevisionId);
  const content = opened(ZipFile === undefined ? await fetched(s3, S3Bucket, S3Key) : Buffer.from(ZipFile, 'base64'));
  // Another update may have started while the package was read from S3.
  changesAllowed(state, RevisionId);
  if (DryRun) return { ...state.latest(), content };
  const updated = state.change({ content });
  return Publish ? state.publish(undefined) : updated;
}

function opened(zip: Buffer): FunctionPackage {
  try {
    return openPackage(zip);
  } catch (error) {
    if (error instanceof PackageRefusedError) throw badParameter(error.message);
    throw error;
  }
}

async function fetched(s3: S3Client, bucket: string | undefined, key: string | undefined): Promise<Buffer> {
  if (bucket === undefined || key === undefined) throw badParameter('Please provide a source for function code.');
  try {
    const found = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return Buffer.from((await found.Body?.transformToByteArray()) ?? []);
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    throw badParameter(
      `Error occurred while GetObject. S3 Error Code: ${name}. S3 Error Message: ${message.replace(/\.$/, '')}.`,
    );
  }
}

const publishSchema = z.object({
  CodeSha256: z.string().optional(),
  Description: z.string().optional(),
  RevisionId: z.string().optional(),
});

/**
 * PublishVersion. Returns a new version of $LATEST, or the last version when nothing has changed since. @throws
 * LambdaRefusal
 */
export function publishVersion(body: unknown, state: FunctionState): FunctionRevision {
  const read = publishSchema.safeParse(body);
  if (!read.success) throw badParameter('The request to PublishVersion is malformed.');
  const { CodeSha256, Description, RevisionId } = read.data;
  changesAllowed(state, RevisionId);
  const { sha256 } = state.latest().content;
  if (CodeSha256 !== undefined && CodeSha256 !== sha256)
    throw badParameter(
      `CodeSHA256 (${CodeSha256}) is different from current CodeSHA256 in $LATEST (${sha256}). Please try again with the CodeSHA256 in $LATEST.`,
    );
  return state.publish(Description);
}

/** Signed URLs of packages that expire, like those of Lambda's own bucket. */
export function createPackageUrls(state: FunctionState, world: () => World) {
  const secret = randomBytes(32);
  const sign = (path: string, expires: string) =>
    createHmac('sha256', secret).update(`${path}\n${expires}`).digest('hex');
  return {
    /** `origin`: the address at which the caller reached this server. */
    of(content: FunctionPackage, origin: string): string {
      const path = `${PATH}${hexOf(content)}.zip`;
      const expires = String(Date.now() + world().packageUrlSeconds * 1_000);
      return `${origin}${path}?X-Sandbox-Expires=${expires}&X-Amz-Signature=${sign(path, expires)}`;
    },
    answer(url: URL, response: ServerResponse): void {
      const expires = url.searchParams.get('X-Sandbox-Expires') ?? '';
      const given = Buffer.from(url.searchParams.get('X-Amz-Signature') ?? '');
      const right = Buffer.from(sign(url.pathname, expires));
      if (given.length !== right.length || !timingSafeEqual(given, right))
        return sendXmlError(
          response,
          403,
          'SignatureDoesNotMatch',
          'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
        );
      if (Date.now() >= Number(expires)) return sendXmlError(response, 403, 'AccessDenied', 'Request has expired');
      const content = state.packageOf(url.pathname.slice(PATH.length).replace(/\.zip$/, ''));
      if (!content) return sendXmlError(response, 404, 'NoSuchKey', 'The specified key does not exist.');
      response.writeHead(200, { 'content-type': 'application/zip', 'content-length': content.zip.length });
      response.end(content.zip);
    },
  };
}

/** Thrown for a body that is longer than Lambda accepts. */
export const tooLarge = (): LambdaRefusal =>
  new LambdaRefusal(
    413,
    'RequestEntityTooLargeException',
    `Request must be smaller than ${MOST_DIRECT_BYTES} bytes for the UpdateFunctionCode operation`,
  );
