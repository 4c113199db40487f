import { createHash } from 'node:crypto';
import type { S3Client } from '@aws-sdk/client-s3';
import { createHashSet, type HashSet } from '../../../lib/disk/hash-set.ts';
import { asFaultError } from '../../../pipeline/aws.ts';
import { imagePayload } from '../../../pipeline/invoke/ocr-function.ts';
import type { InvocationTarget } from '../../../pipeline/invoke/open-function.ts';
import { createTurns, uploadInParts } from '../../../pipeline/upload-parts.ts';
import type { ManifestEntry } from '../../model/types.ts';
import { seqOf } from '../../store/lanes.ts';
import { MAX_ROW_IMAGES } from './child-type.ts';

/** What an items file holds. */
export interface WrittenItems {
  readonly images: number;
  /** Rows: children of the Map Run. */
  readonly rows: number;
  /** Images that are left out because an image of the same person and week is in the file: the next execution takes them. */
  readonly deferred: number;
}

export interface ItemsOptions {
  readonly s3: S3Client;
  readonly bucket: string;
  readonly key: string;
  readonly target: Pick<InvocationTarget, 'bucket' | 'keyEncoding' | 'profile'>;
  /** The lane of an image in the journal. */
  readonly laneOf: (index: number) => number;
  readonly imagesPerRow: number;
  /** At least the number of images. */
  readonly most: number;
  readonly signal: AbortSignal;
}

/** Up to so many images, all images of a group share a row; beyond, only the first of a group is in the file. */
const FEW = 10_000;
/** A row is at most 256 KiB with what the machine adds. */
const MAX_ROW_BYTES = 100_000;
/** Slots of the set of groups in memory (1 MB); a larger set is in a temporary file. */
const GROUPS_IN_MEMORY = 2 ** 16;
const CHUNK_BYTES = 64 * 1024;

/**
 * Writes the images, in their order, as the items file of one execution: `[{"images":[{"k","s","p"}]}]`. Writing it again
 * replaces it. Takes the same memory for any number of images. Two images of one group are never in different rows.
 * @throws what `images` throws, FaultError, the SDK's error; then there is no file
 */
export async function writeItems(options: ItemsOptions, images: AsyncIterable<ManifestEntry>): Promise<WrittenItems> {
  const { s3, bucket, key, signal } = options;
  const count = { images: 0, rows: 0, deferred: 0 };
  const chunks = inChunks(texts(rowsOf(images, options, count), count));
  await uploadInParts({ s3, bucket }, key, chunks, {
    turns: createTurns(1),
    signal,
    contentType: 'application/json',
  }).catch((error: unknown) => {
    throw asFaultError(error, { service: 's3', action: 's3:PutObject', resource: `s3://${bucket}/${key}` });
  });
  return count;
}

/** The texts of its images. */
type Row = readonly string[];
type Count = { -readonly [name in keyof WrittenItems]: number };

async function* rowsOf(images: AsyncIterable<ManifestEntry>, options: ItemsOptions, count: Count): AsyncIterable<Row> {
  const first: ManifestEntry[] = [];
  const rest = images[Symbol.asyncIterator]();
  try {
    while (first.length <= FEW) {
      const { done, value } = await rest.next();
      if (done) return yield* groupedRows(first, options, count);
      first.push(value);
    }
    yield* firstOfEachGroup(first, rest, options, count);
  } finally {
    await rest.return?.();
  }
}

/** A row for each group, at the place of its first image. What does not fit in a row is deferred. */
function* groupedRows(images: readonly ManifestEntry[], options: ItemsOptions, count: Count): Iterable<Row> {
  const groups = Map.groupBy(images, ({ group }) => group);
  const rows = rowBuilder(options);
  for (const image of images) {
    const members = image.group === undefined ? undefined : groups.get(image.group);
    if (members === undefined) yield* rows.add(image);
    else if (members[0] === image) {
      const fitting = fittingMembers(members, options);
      count.deferred += members.length - fitting.length;
      yield fitting;
    }
  }
  yield* rows.rest();
}

function fittingMembers(members: readonly ManifestEntry[], options: ItemsOptions): Row {
  const row: string[] = [];
  let bytes = 0;
  for (const image of members.slice(0, MAX_ROW_IMAGES)) {
    const text = textOf(image, options);
    bytes += Buffer.byteLength(text);
    if (row.length > 0 && bytes > MAX_ROW_BYTES) break;
    row.push(text);
  }
  return row;
}

async function* firstOfEachGroup(
  first: readonly ManifestEntry[],
  rest: AsyncIterator<ManifestEntry>,
  options: ItemsOptions,
  count: Count,
): AsyncIterable<Row> {
  const rows = rowBuilder(options);
  let groups: HashSet | undefined;
  async function* all(): AsyncIterable<ManifestEntry> {
    yield* first;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  }
  try {
    for await (const image of all()) {
      if (image.group === undefined) yield* rows.add(image);
      else {
        groups ??= await createHashSet(options.most, GROUPS_IN_MEMORY);
        const hash = createHash('sha256').update(String(image.group)).digest();
        if (groups.has(hash)) count.deferred += 1;
        else {
          groups.add(hash);
          yield [textOf(image, options)];
        }
      }
    }
    yield* rows.rest();
  } finally {
    await groups?.dispose();
  }
}

/** Puts images without a group together, `imagesPerRow` in a row, or as many as a row can hold. */
function rowBuilder(options: ItemsOptions) {
  let row: string[] = [];
  let bytes = 0;
  const take = (): Row => {
    const taken = row;
    row = [];
    bytes = 0;
    return taken;
  };
  return {
    *add(image: ManifestEntry): Iterable<Row> {
      const text = textOf(image, options);
      const more = Buffer.byteLength(text);
      if (row.length > 0 && bytes + more > MAX_ROW_BYTES) yield take();
      row.push(text);
      bytes += more;
      if (row.length >= options.imagesPerRow) yield take();
    },
    *rest(): Iterable<Row> {
      if (row.length > 0) yield take();
    },
  };
}

const textOf = ({ index, key }: ManifestEntry, { target, laneOf }: ItemsOptions): string =>
  JSON.stringify({
    k: key,
    s: `outcomes#${String(seqOf(laneOf(index), index)).padStart(10, '0')}`,
    p: imagePayload(target, key),
  });

async function* texts(rows: AsyncIterable<Row>, count: Count): AsyncIterable<string> {
  yield '[';
  for await (const row of rows) {
    const text = `{"images":[${row.join(',')}]}`;
    yield count.rows === 0 ? `\n${text}` : `,\n${text}`;
    count.rows += 1;
    count.images += row.length;
  }
  yield '\n]\n';
}

/** The texts as UTF-8 in one reused buffer: a million short buffers would take most of the time. */
async function* inChunks(parts: AsyncIterable<string>): AsyncIterable<Buffer> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES + 3 * MAX_ROW_BYTES);
  let length = 0;
  for await (const part of parts) {
    const bytes = Buffer.byteLength(part);
    if (bytes > chunk.length - length) {
      yield chunk.subarray(0, length);
      length = 0;
    }
    if (bytes > chunk.length) {
      yield Buffer.from(part);
      continue;
    }
    length += chunk.write(part, length);
    if (length < CHUNK_BYTES) continue;
    yield chunk.subarray(0, length);
    length = 0;
  }
  yield chunk.subarray(0, length);
}
