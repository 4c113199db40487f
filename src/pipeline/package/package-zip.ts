import { createHash } from 'node:crypto';
import { type Entry, type FileEntry, Uint8ArrayReader, Uint8ArrayWriter, ZipReader, ZipWriter } from '@zip.js/zip.js';

/** A file to be put into a package. `mode`: Unix permissions, without the file type. */
export interface AddedFile {
  readonly path: string;
  readonly content: Uint8Array;
  readonly mode: number;
}

/**
 * A file or folder of a package. `mode`: Unix permissions with the file type, 0 where the package was made elsewhere.
 */
export interface PackageEntry {
  readonly path: string;
  readonly mode: number;
  /** The unpacked size, counted while unpacking. */
  readonly size: number;
  /** SHA-256 of the unpacked content in hex; absent for a folder. */
  readonly sha256?: string;
  /** The name in the zip, where it leads outside: `../OCR_VERSION.txt` for the path `OCR_VERSION.txt`. */
  readonly outsideName?: string;
}

export interface PackageContents {
  readonly entries: readonly PackageEntry[];
  readonly unpackedBytes: number;
  has(path: string): boolean;
  /** The bytes of a file; undefined when there is no such file. */
  bytes(path: string): Promise<Uint8Array | undefined>;
  /** A file as UTF-8 text. */
  text(path: string): Promise<string | undefined>;
}

export interface PackageLimits {
  /** The largest unpacked size (Lambda: 250 MB). */
  readonly unpackedBytes: number;
  readonly files: number;
}

export type PackageProblem =
  | { readonly reason: 'not-a-zip' }
  | { readonly reason: 'path-outside'; readonly path: string }
  | { readonly reason: 'too-large'; readonly path: string; readonly most: number }
  | { readonly reason: 'too-many-files'; readonly files: number; readonly most: number }
  | { readonly reason: 'duplicate-path'; readonly path: string }
  /** Taken without its leading `../`, the entry `path` would overwrite the entry `overwritten`. */
  | { readonly reason: 'would-overwrite'; readonly path: string; readonly overwritten: string }
  | { readonly reason: 'encrypted'; readonly path: string }
  | { readonly reason: 'damaged'; readonly path: string };

/** A package that cannot be trusted or read. Nothing of it was used. */
export class PackageError extends Error {
  override readonly name = 'PackageError';
  readonly problem: PackageProblem;
  constructor(problem: PackageProblem, cause?: unknown) {
    super(problemText(problem), { cause });
    this.problem = problem;
  }
}

function problemText(problem: PackageProblem): string {
  switch (problem.reason) {
    case 'not-a-zip':
      return 'It is not a zip file.';
    case 'path-outside':
      return `It has a path outside the package: ${JSON.stringify(problem.path)}.`;
    case 'too-large':
      return `Unpacked it is larger than ${problem.most} bytes (at ${JSON.stringify(problem.path)}).`;
    case 'too-many-files':
      return `It has ${problem.files} files; at most ${problem.most} are allowed.`;
    case 'duplicate-path':
      return `It has ${JSON.stringify(problem.path)} twice.`;
    case 'would-overwrite':
      return `Its entry ${JSON.stringify(problem.path)} would overwrite ${JSON.stringify(problem.overwritten)}.`;
    case 'encrypted':
      return `Its file ${JSON.stringify(problem.path)} is encrypted.`;
    case 'damaged':
      return `Its file ${JSON.stringify(problem.path)} is damaged: its checksum or its content is wrong.`;
  }
}

// Workers do not help with packages of a few hundred kilobytes.
const HERE = { useWebWorkers: false } as const;
const READER = {
  ...HERE,
  // Names are checked here, by `isOutside`: the library would refuse every name with `..`.
  filenameValidation: 'tolerant',
  // Some unpackers use the name in front of a file, others that in the directory: both must be equal.
  checkLocalFilename: true,
} as const;
/** 1980-01-01, the first date that a zip supports: our file is the same whenever it is added. */
const FIRST_DOS_DATE = 0x0021_0000;
const UNIX = 3;
const REGULAR_FILE = 0o100000;

/**
 * Reads a package and checks all of it: every path is inside, every file unpacks to its checksum, and the size is
 * counted while unpacking, whatever the headers say. A name that begins with `../` is taken without that, as `unzip`
 * does: the command of the runbook makes one (pipeline.md, "The function").
 * @throws PackageError
 */
export async function readPackage(zip: Uint8Array, limits: PackageLimits): Promise<PackageContents> {
  const { entries: found } = await openZip(zip);
  if (found.length > limits.files)
    throw new PackageError({ reason: 'too-many-files', files: found.length, most: limits.files });
  const files = new Map<string, FileEntry>();
  const entries: PackageEntry[] = [];
  /** The name in the zip, by path. */
  const names = new Map<string, string>();
  let unpackedBytes = 0;
  for (const entry of found) {
    const name = entry.filename;
    const path = name.replace(LEADING_PARENTS, '');
    if (isOutside(path)) throw new PackageError({ reason: 'path-outside', path: name });
    const other = names.get(path);
    if (other !== undefined)
      throw new PackageError(
        other === name
          ? { reason: 'duplicate-path', path }
          : { reason: 'would-overwrite', path: name === path ? other : name, overwritten: path },
      );
    names.set(path, name);
    if (entry.encrypted) throw new PackageError({ reason: 'encrypted', path });
    const about = { path, mode: entry.unixMode ?? 0, ...(name === path ? {} : { outsideName: name }) };
    if (entry.directory) {
      entries.push({ ...about, size: 0 });
      continue;
    }
    const content = await countBytes(entry, limits.unpackedBytes - unpackedBytes, limits.unpackedBytes);
    files.set(path, entry);
    unpackedBytes += content.size;
    entries.push({ ...about, ...content });
  }
  const bytes = async (path: string) => {
    const entry = files.get(path);
    return entry && (await entry.getData(new Uint8ArrayWriter(), { ...HERE, checkSignature: true }));
  };
  return {
    entries,
    unpackedBytes,
    has: (path) => files.has(path),
    bytes,
    async text(path) {
      const content = await bytes(path);
      return content && new TextDecoder().decode(content);
    },
  };
}

/**
 * The package with files added, or replaced where it has them, and without the entries `removed`. The compressed bytes and the headers of every other
 * entry, its record in the directory and the comment of the package stay as they are, byte for byte. The same input
 * gives the same bytes.
 * @throws PackageError where it is not a zip
 */
export async function withFiles(
  zip: Uint8Array,
  files: readonly AddedFile[],
  removed: readonly string[] = [],
): Promise<Uint8Array> {
  const { entries, comment } = await openZip(zip);
  const paths = new Set([...files.map(({ path }) => path), ...removed]);
  const replaces = entries.some(({ filename }) => paths.has(filename));
  const writer = new ZipWriter(new Uint8ArrayWriter(), { ...HERE, keepOrder: true });
  try {
    await writer.appendZip(new Uint8ArrayReader(zip), {
      readerOptions: READER,
      // Without a filter the bytes between entries are copied too.
      ...(replaces ? { filter: ({ filename }) => !paths.has(filename) } : {}),
    });
  } catch (cause) {
    throw new PackageError({ reason: 'not-a-zip' }, cause);
  }
  for (const { path, content, mode } of files)
    await writer.add(path, new Uint8ArrayReader(content), {
      // Stored, not deflated: another version of zlib would give other bytes.
      level: 0,
      rawLastModDate: FIRST_DOS_DATE,
      extendedTimestamp: false,
      dataDescriptor: false,
      versionMadeBy: (UNIX << 8) | 20,
      externalFileAttributes: ((REGULAR_FILE | mode) << 16) >>> 0,
    });
  return writer.close(comment);
}

async function openZip(zip: Uint8Array): Promise<{ entries: readonly Entry[]; comment: Uint8Array }> {
  try {
    const reader = new ZipReader(new Uint8ArrayReader(zip), READER);
    return { entries: await reader.getEntries(), comment: reader.comment };
  } catch (cause) {
    throw new PackageError({ reason: 'not-a-zip' }, cause);
  }
}

/** Absolute, with `..`, or written so that some unpacker would read it so. */
const isOutside = (path: string): boolean =>
  path === '' ||
  path.startsWith('/') ||
  path.includes('\\') ||
  path.includes('\0') ||
  /^[A-Za-z]:/.test(path) ||
  path.split('/').includes('..');

/** What `unzip` leaves out of a name, with a warning. An absolute name is refused: `zip` never makes one. */
const LEADING_PARENTS = /^(?:\.\.\/)+/;

/** Stops unpacking, because the limit is reached. */
class TooManyBytes extends Error {}

async function countBytes(
  entry: FileEntry,
  left: number,
  most: number,
): Promise<Required<Pick<PackageEntry, 'size' | 'sha256'>>> {
  const path = entry.filename;
  if (entry.uncompressedSize > left) throw new PackageError({ reason: 'too-large', path, most });
  let bytes = 0;
  const hash = createHash('sha256');
  const counting = new WritableStream<Uint8Array>({
    write(chunk) {
      bytes += chunk.length;
      if (bytes > left) throw new TooManyBytes();
      hash.update(chunk);
    },
  });
  try {
    await entry.getData(counting, { ...HERE, checkSignature: true });
  } catch (cause) {
    throw new PackageError(bytes > left ? { reason: 'too-large', path, most } : { reason: 'damaged', path }, cause);
  }
  return { size: bytes, sha256: hash.digest('hex') };
}
