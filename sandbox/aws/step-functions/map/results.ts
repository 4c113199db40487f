import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { StateError } from '../errors.ts';
import type { Child } from './children.ts';

export const WRITER = 'arn:aws:states:::s3:putObject';
const locationSchema = z.strictObject({ Bucket: z.string(), Prefix: z.string().default('') });

const iso = (at: number | undefined) => (at === undefined ? {} : { at: new Date(at).toISOString() });

/** A child as the files of a ResultWriter describe it. */
const recordOf = (child: Child, stateMachineArn: string) => ({
  ExecutionArn: child.arn,
  Input: JSON.stringify(child.input),
  InputDetails: { Included: true },
  Name: child.name,
  ...(child.status === 'SUCCEEDED'
    ? { Output: JSON.stringify(child.output), OutputDetails: { Included: true } }
    : child.error === undefined
      ? {}
      : { Error: child.error, Cause: child.cause }),
  RedriveCount: child.redriveCount,
  ...(child.startedAt === undefined ? {} : { StartDate: iso(child.startedAt).at }),
  StateMachineArn: stateMachineArn,
  Status: child.status,
  ...(child.endedAt === undefined ? {} : { StopDate: iso(child.endedAt).at }),
});

/**
 * Writes the results of a Map Run: files of the succeeded, failed (also aborted and timed out) and unstarted children, and
 * `manifest.json`. Returns where the manifest is. @throws StateError States.ResultWriterFailed
 */
export async function writeResults(
  s3: S3Client,
  location: unknown,
  about: {
    readonly mapRunArn: string;
    readonly stateMachineArn: string;
    readonly children: readonly Child[];
    readonly isDenied: boolean;
  },
): Promise<{ readonly Bucket: string; readonly Key: string }> {
  const failed = (cause: string) => new StateError('States.ResultWriterFailed', cause);
  const at = locationSchema.safeParse(location);
  if (!at.success) throw failed(`The Parameters of the ResultWriter are not valid: ${at.error.message}`);
  const { Bucket, Prefix } = at.data;
  const folder = `${Prefix}${Prefix === '' || Prefix.endsWith('/') ? '' : '/'}${about.mapRunArn.split(':').at(-1)}`;
  if (about.isDenied) throw failed(`Attempting to write s3://${Bucket}/${folder}/ failed: Access Denied`);

  const put = async (Key: string, value: unknown) => {
    const Body = JSON.stringify(value);
    await s3.send(new PutObjectCommand({ Bucket, Key, Body, ContentType: 'application/json' }));
    return { Key, Size: Buffer.byteLength(Body) };
  };
  const file = async (name: string, children: readonly Child[]) =>
    children.length === 0
      ? []
      : [
          await put(
            `${folder}/${name}_0.json`,
            children.map((child) => recordOf(child, about.stateMachineArn)),
          ),
        ];
  const { children } = about;
  const isUnstarted = ({ status }: Child) => status === 'PENDING' || status === 'PENDING_REDRIVE';
  try {
    const ResultFiles = {
      FAILED: await file(
        'FAILED',
        children.filter((child) => child.status !== 'SUCCEEDED' && !isUnstarted(child)),
      ),
      PENDING: await file('PENDING', children.filter(isUnstarted)),
      SUCCEEDED: await file(
        'SUCCEEDED',
        children.filter(({ status }) => status === 'SUCCEEDED'),
      ),
    };
    const manifest = await put(`${folder}/manifest.json`, {
      DestinationBucket: Bucket,
      MapRunArn: about.mapRunArn,
      ResultFiles,
    });
    return { Bucket, Key: manifest.Key };
  } catch (error) {
    throw failed(
      `Attempting to write s3://${Bucket}/${folder}/ failed: ${error instanceof Error ? error.message : error}`,
    );
  }
}
