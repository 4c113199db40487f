import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { GetObjectCommand, NoSuchKey, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { parseJson } from '../../lib/json.ts';
import { freeBuffer, ZLIB_CHUNK_BYTES } from '../../lib/memory/free-buffer.ts';
import { asFaultError } from '../../pipeline/aws.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { ManifestEntry } from '../model/types.ts';
import type { PlannedImage } from './neighbours.ts';

/** Where the manifest of a run is in S3. `prefix` ends with a slash. */
export interface ManifestLocation {
  readonly bucket: string;
  readonly prefix: string;
  /** Lines per part when it is written. */
  readonly partSize?: number;
}

/** The content of `index.json`. It is written last: if it is there, the manifest is complete. */
const indexSchema = z.object({
  version: z.literal(1),
  count: z.int().nonnegative(),
  /** The sum over all images. */
  bytes: z.number().nonnegative(),
  partSize: z.int().positive(),
  /** In order; `sha256` (hex) of the gzip'd object. */
  parts: z.array(z.object({ count: z.int().positive(), sha256: z.string().regex(/^[0-9a-f]{64}$/) })),
});
export type ManifestIndex = Readonly<z.infer<typeof indexSchema>>;

/** The manifest is not as it was written. `object`: the S3 object with the problem. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
  readonly object: string;
  readonly fault: Fault;
  constructor(object: string, what: string, cause?: unknown) {
    super(`${object} ${what}`, { cause });
    this.object = object;
    this.fault = {
      reason: 'manifest',
      message: this.message,
      fix: 'Restore the object (an older version, if the bucket has versions), or start a new run: it makes a new list.',
    };
  }
}

const PART_SIZE = 5000;
const PARTS_AT_ONCE = 2;
const PART_BYTES = 512 * 1024;

interface PartBuffer {
  bytes: Buffer;
  length: number;
}
/** Appends a text. A full buffer is replaced by one of twice its size. */
function append(buffer: PartBuffer, text: string): void {
  // A UTF-16 unit takes at most three bytes.
  while (buffer.length + text.length * 3 > buffer.bytes.length)
    buffer.bytes = Buffer.concat([buffer.bytes], buffer.bytes.length * 2);
  buffer.length += buffer.bytes.write(text, buffer.length);
}

const lineSchema = z.object({ key: z.string(), size: z.number(), group: z.number().exactOptional() });

/** A part takes about a millisecond. The asynchronous calls take three times the CPU and keep more buffers. */
const zlibOptions = { chunkSize: ZLIB_CHUNK_BYTES };
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const partKey = (location: ManifestLocation, part: number) =>
  `${location.prefix}${String(part).padStart(5, '0')}.jsonl.gz`;
const indexKey = (location: ManifestLocation) => `${location.prefix}index.json`;
const uri = (location: ManifestLocation, key: string) => `s3://${location.bucket}/${key}`;

async function put(
  s3: S3Client,
  location: ManifestLocation,
  key: string,
  body: Uint8Array,
  type: string,
): Promise<void> {
  await s3
    .send(new PutObjectCommand({ Bucket: location.bucket, Key: key, Body: body, ContentType: type }))
    .catch((error: unknown) => {
      throw asFaultError(error, { service: 's3', action: 's3:PutObject', resource: uri(location, key) });
    });
}

async function get(s3: S3Client, location: ManifestLocation, key: string): Promise<Uint8Array> {
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: location.bucket, Key: key }));
    return (await Body?.transformToByteArray()) ?? new Uint8Array();
  } catch (error) {
    if (error instanceof NoSuchKey) throw new ManifestError(uri(location, key), 'is missing', error);
    throw asFaultError(error, { service: 's3', action: 's3:GetObject', resource: uri(location, key) });
  }
}

/**
 * Writes a list of images, in its order, as gzipped JSON lines in parts of `partSize`, and `index.json` after all
 * parts. Holds a few parts in memory, however long the list is. If the list or a write fails there is no index, and so
 * no manifest.
 * @throws what `images` throws, FaultError, or the SDK's error.
 */
export async function writeManifest(
  s3: S3Client,
  location: ManifestLocation,
  images: AsyncIterable<PlannedImage> | Iterable<PlannedImage>,
): Promise<ManifestIndex> {
  const partSize = location.partSize ?? PART_SIZE;
  const parts: { count: number; sha256: string }[] = [];
  const writing = new Set<Promise<void>>();
  // Lines are kept as bytes in a few reused buffers: a million short strings would fill the heap.
  const spare: PartBuffer[] = [];
  const takeBuffer = (): PartBuffer => {
    const buffer = spare.pop() ?? { bytes: Buffer.allocUnsafe(PART_BYTES), length: 0 };
    buffer.length = 0;
    return buffer;
  };
  const errors: unknown[] = [];
  let lines = 0;
  let text = takeBuffer();
  let count = 0;
  let bytes = 0;

  async function writePart(part: number, text: PartBuffer): Promise<void> {
    const zipped = gzipSync(text.bytes.subarray(0, text.length), zlibOptions);
    spare.push(text);
    const entry = parts[part];
    if (entry) entry.sha256 = sha256(zipped);
    await put(s3, location, partKey(location, part), zipped, 'application/gzip');
    freeBuffer(zipped);
  }
  async function flush(): Promise<void> {
    if (lines === 0) return;
    const part = parts.push({ count: lines, sha256: '' }) - 1;
    const write = writePart(part, text)
      .catch((error: unknown) => void errors.push(error))
      .finally(() => writing.delete(write));
    lines = 0;
    text = takeBuffer();
    writing.add(write);
    if (writing.size >= PARTS_AT_ONCE) await Promise.race(writing);
    if (errors.length > 0) throw errors[0];
  }

  try {
    for await (const { key, size, group } of images) {
      append(text, `${JSON.stringify({ key, size, group })}\n`);
      lines++;
      count++;
      bytes += size;
      if (lines >= partSize) await flush();
    }
    await flush();
  } finally {
    await Promise.all(writing);
  }
  if (errors.length > 0) throw errors[0];
  const index: ManifestIndex = { version: 1, count, bytes, partSize, parts };
  await put(s3, location, indexKey(location), Buffer.from(JSON.stringify(index)), 'application/json');
  return index;
}

/** The index of a manifest. @throws ManifestError if it is missing or malformed. */
export async function readManifestIndex(s3: S3Client, location: ManifestLocation): Promise<ManifestIndex> {
  const key = indexKey(location);
  const body = await get(s3, location, key);
  const parsed = indexSchema.safeParse(parseJson(Buffer.from(body).toString()));
  if (!parsed.success) throw new ManifestError(uri(location, key), 'is not a valid manifest index', parsed.error);
  const index = parsed.data;
  const full = index.parts.slice(0, -1).every((part) => part.count === index.partSize);
  const sum = index.parts.reduce((total, part) => total + part.count, 0);
  if (!full || sum !== index.count)
    throw new ManifestError(uri(location, key), `lists ${index.count} images, but its parts have ${sum}`);
  return index;
}

/** One part, unzipped, with its checksum and its number of lines checked. */
async function readPart(s3: S3Client, location: ManifestLocation, index: ManifestIndex, part: number): Promise<Buffer> {
  const wanted = index.parts[part];
  const key = partKey(location, part);
  if (!wanted) return Buffer.alloc(0);
  const body = await get(s3, location, key);
  if (sha256(body) !== wanted.sha256)
    throw new ManifestError(uri(location, key), 'is damaged: its SHA-256 is not the one in the index');
  const text = gunzipSync(body, zlibOptions);
  let lines = 0;
  for (let at = text.indexOf(NEWLINE); at >= 0; at = text.indexOf(NEWLINE, at + 1)) lines++;
  if (lines !== wanted.count)
    throw new ManifestError(uri(location, key), `has ${lines} lines, but ${wanted.count} were written`);
  return text;
}

const NEWLINE = 10;
/** The lines of a part, one by one. */
function* linesOf(text: Buffer): Iterable<string> {
  let from = 0;
  for (let end = text.indexOf(NEWLINE); end >= 0; end = text.indexOf(NEWLINE, from)) {
    yield text.toString('utf8', from, end);
    from = end + 1;
  }
}

function entryOf(line: string, at: number, object: string): ManifestEntry {
  const parsed = lineSchema.safeParse(parseJson(line));
  if (!parsed.success) throw new ManifestError(object, `has an unreadable line for image ${at}`, parsed.error);
  return { index: at, ...parsed.data };
}

/**
 * The entries from index `from` on, in order. Holds two parts in memory: the present and the next one.
 * @throws ManifestError with the object that is missing or damaged, before any entry of that object.
 */
export async function* readManifest(
  s3: S3Client,
  location: ManifestLocation,
  index: ManifestIndex,
  from = 0,
): AsyncIterable<ManifestEntry> {
  const fetchPart = (part: number) => {
    const fetching = readPart(s3, location, index, part);
    // If the reader stops early, nobody awaits this part.
    fetching.catch(() => {});
    return fetching;
  };
  if (from >= index.count) return;
  let part = Math.floor(from / index.partSize);
  let next: Promise<Buffer> | undefined = fetchPart(part);
  while (next) {
    const text: Buffer = await next;
    const first = part * index.partSize;
    const object = uri(location, partKey(location, part));
    part++;
    next = part < index.parts.length ? fetchPart(part) : undefined;
    let at = first;
    for (const line of linesOf(text)) {
      if (at >= from) yield entryOf(line, at, object);
      at++;
    }
    freeBuffer(text);
  }
}
