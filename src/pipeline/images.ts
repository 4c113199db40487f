import { type _Object, HeadObjectCommand, ListObjectsV2Command, NotFound, type S3Client } from '@aws-sdk/client-s3';
import { defined } from '../lib/defined.ts';
import { asFaultError } from './aws.ts';

/** An image of the bucket: its exact key and its size in bytes. */
export interface ListedImage {
  readonly key: string;
  readonly size: number;
}

/** What a listing reports. */
export interface ListingEvents {
  /** After every page: the number of objects listed so far. */
  readonly page?: (listed: number) => void;
  /** An image of no bytes: it is left out. */
  readonly empty?: (key: string) => void;
}

/** The images that can be read. `onArchived` is called for each of the others. */
export async function* withoutArchived(
  images: AsyncIterable<BucketImage>,
  onArchived: (key: string) => void = () => {},
): AsyncIterable<ListedImage> {
  for await (const image of images) {
    if (image.isArchived) onArchived(image.key);
    else yield image;
  }
}

/** An image as the listing of the bucket shows it. */
export interface BucketImage extends ListedImage {
  /** Epoch ms. */
  readonly modifiedAt: number;
  /** It is in an archive class (GLACIER, DEEP_ARCHIVE) without a restored copy, so nothing can read it. */
  readonly isArchived?: true;
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
 * objects.
 * @throws FaultError (no such bucket, no permission, no network), or the SDK's error.
 */
export async function* listImages(
  s3: S3Client,
  filter: ImageFilter,
  on: ListingEvents = {},
): AsyncIterable<BucketImage> {
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
            EncodingType: 'url' as const,
            Prefix: filter.prefix || undefined,
            ContinuationToken: token,
            // Without it an archived object does not say whether it has a restored copy.
            OptionalObjectAttributes: ['RestoreStatus' as const],
          }),
        ),
      )
      .catch((error: unknown) => {
        throw asFaultError(error, { service: 's3', action: 's3:ListBucket', resource: filter.bucket });
      });
    const objects = page.Contents ?? [];
    listed += objects.length;
    on.page?.(listed);
    for (const object of objects) {
      const key = page.EncodingType === 'url' ? decodeKey(object.Key ?? '') : (object.Key ?? '');
      const size = object.Size ?? 0;
      if (!isImage(key)) continue;
      if (size === 0) {
        on.empty?.(key);
        continue;
      }
      const modifiedAt = object.LastModified?.getTime() ?? 0;
      yield isArchived(object) ? { key, size, modifiedAt, isArchived: true } : { key, size, modifiedAt };
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

/**
 * S3 Glacier Instant Retrieval (`GLACIER_IR`) is read like any other class. A copy that is being restored cannot be read yet, and has no
 * expiry date (Amazon S3 API reference, "RestoreStatus").
 */
const isArchived = ({ StorageClass, RestoreStatus }: _Object): boolean =>
  (StorageClass === 'GLACIER' || StorageClass === 'DEEP_ARCHIVE') && RestoreStatus?.RestoreExpiryDate === undefined;

/** S3 encodes a space as `+` and a plus as `%2B`. */
const decodeKey = (encoded: string): string => decodeURIComponent(encoded.replaceAll('+', ' '));
