import { HeadObjectCommand, ListObjectsV2Command, NotFound, type S3Client } from '@aws-sdk/client-s3';
import { defined } from '../lib/defined.ts';
import { asFaultError } from './aws.ts';

/** An image of the bucket: its exact key and its size in bytes. */
export interface ListedImage {
  readonly key: string;
  readonly size: number;
}

export interface ImageFilter {
  readonly bucket: string;
  readonly prefix?: string;
  /** With the dot. Upper and lower case are treated alike. */
  readonly extensions: readonly string[];
  readonly excludedPrefixes: readonly string[];
}

/**
 * A test whether a key is an image of the pipeline: by its extension in upper or lower case, and the exact excluded
 * prefixes.
 */
export function imageTest(filter: Pick<ImageFilter, 'extensions' | 'excludedPrefixes'>): (key: string) => boolean {
  const extensions = filter.extensions.map((extension) => extension.toLowerCase());
  return (key) =>
    extensions.some((extension) => key.toLowerCase().endsWith(extension)) &&
    !filter.excludedPrefixes.some((prefix) => key.startsWith(prefix));
}

/**
 * The images of a bucket, sorted by key (UTF-8 bytes), without other extensions, excluded prefixes, folders and empty
 * objects. `onPage` is called after every page with the number of objects listed so far.
 * @throws FaultError (no such bucket, no permission, no network), or the SDK's error.
 */
export async function* listImages(
  s3: S3Client,
  filter: ImageFilter,
  onPage: (listed: number) => void = () => {},
): AsyncIterable<ListedImage> {
  const isImage = imageTest(filter);
  let listed = 0;
  let token: string | undefined;
  do {
    const page = await s3
      .send(
        new ListObjectsV2Command(
          defined({
            Bucket: filter.bucket,
            // XML cannot contain every key: control characters break it, and CR becomes LF.
            EncodingType: 'url',
            Prefix: filter.prefix || undefined,
            ContinuationToken: token,
          } as const),
        ),
      )
      .catch((error: unknown) => {
        throw asFaultError(error, { service: 's3', action: 's3:ListBucket', resource: filter.bucket });
      });
    const objects = page.Contents ?? [];
    listed += objects.length;
    onPage(listed);
    for (const object of objects) {
      const key = page.EncodingType === 'url' ? decodeKey(object.Key ?? '') : (object.Key ?? '');
      const size = object.Size ?? 0;
      if (size > 0 && isImage(key)) yield { key, size };
    }
    token = page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}

/**
 * The image with this key; undefined when it does not exist, is empty, or is no image of the pipeline.
 * @throws FaultError, or the SDK's error.
 */
export async function findImage(s3: S3Client, filter: ImageFilter, key: string): Promise<ListedImage | undefined> {
  if (!imageTest(filter)(key)) return;
  try {
    const head = await s3.send(new HeadObjectCommand({ Bucket: filter.bucket, Key: key }));
    const size = head.ContentLength ?? 0;
    return size > 0 ? { key, size } : undefined;
  } catch (error) {
    if (error instanceof NotFound) return;
    throw asFaultError(error, { service: 's3', action: 's3:GetObject', resource: `${filter.bucket}/${key}` });
  }
}

/** S3 encodes a space as `+` and a plus as `%2B`. */
const decodeKey = (encoded: string): string => decodeURIComponent(encoded.replaceAll('+', ' '));
