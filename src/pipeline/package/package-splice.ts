import { crc32 } from 'node:zlib';

export interface AddedFile {
  /** ASCII. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly mode: number;
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;
const LONGEST_COMMENT = 0xffff;
/** In a field of so many bits: the value stands in a zip64 record. */
const ELSEWHERE_16 = 0xffff;
const ELSEWHERE_32 = 0xffff_ffff;
/** 1980-01-01, the first date a zip can hold: our file is the same whenever it is added. */
const FIRST_DOS_DATE = 0x0021;
const MADE_BY_UNIX = (3 << 8) | 20;
const REGULAR_FILE = 0o100000;

interface Entry {
  /** Its record in the directory, as it stands there. */
  readonly record: Buffer;
  readonly name: Buffer;
  readonly at: number;
}
interface Directory {
  readonly entries: readonly Entry[];
  readonly at: number;
  /** The record that ends the package, with its comment. */
  readonly end: Buffer;
}

/**
 * The package with files added, or put in the place of those of their paths, and every other byte of it as it stands: what is in
 * front of a file and behind it, its record in the directory, the comment of the package. Undefined where its directory is not
 * a plain one (zip64, something in front of the package): it can then only be written anew.
 */
export function spliceFiles(package_: Uint8Array, files: readonly AddedFile[]): Uint8Array | undefined {
  const zip = Buffer.from(package_.buffer, package_.byteOffset, package_.byteLength);
  const directory = readDirectory(zip);
  if (!directory) return;
  const inOrder = directory.entries.toSorted((a, b) => a.at - b.at);
  if (inOrder.some((entry, location) => !isSound(zip, entry, inOrder[location + 1]?.at ?? directory.at))) return;
  const ours = new Set(files.map(({ path }) => path));
  const isKept = ({ name }: Entry) => !ours.has(name.toString('latin1'));

  const pieces: Buffer[] = [zip.subarray(0, inOrder[0]?.at ?? directory.at)];
  let length = pieces[0]?.length ?? 0;
  const put = (piece: Buffer): number => {
    const at = length;
    pieces.push(piece);
    length += piece.length;
    return at;
  };
  const locationOf = new Map<Entry, number>();
  for (const [location, entry] of inOrder.entries())
    if (isKept(entry)) locationOf.set(entry, put(zip.subarray(entry.at, inOrder[location + 1]?.at ?? directory.at)));
  const added = files.map((file) => addedRecord(file, put(Buffer.concat([localHeader(file), file.content]))));
  const kept = directory.entries.filter(isKept).map((entry) => movedRecord(entry, locationOf.get(entry) ?? 0));
  const directoryAt = length;
  for (const record of [...kept, ...added]) put(record);
  const end = Buffer.from(directory.end);
  for (const at of [8, 10]) end.writeUInt16LE(kept.length + added.length, at);
  end.writeUInt32LE(length - directoryAt, 12);
  end.writeUInt32LE(directoryAt, 16);
  put(end);
  return new Uint8Array(Buffer.concat(pieces));
}

function readDirectory(zip: Buffer): Directory | undefined {
  const endAt = endOf(zip);
  if (endAt === undefined) return;
  const end = zip.subarray(endAt);
  const [disk, count, size, at] = [
    end.readUInt32LE(4),
    end.readUInt16LE(10),
    end.readUInt32LE(12),
    end.readUInt32LE(16),
  ];
  if (disk !== 0 || count === ELSEWHERE_16 || at + size !== endAt) return;
  const entries: Entry[] = [];
  let from = at;
  for (; from + CENTRAL_BYTES <= endAt && zip.readUInt32LE(from) === CENTRAL; ) {
    const nameLength = zip.readUInt16LE(from + 28);
    const to = from + CENTRAL_BYTES + nameLength + zip.readUInt16LE(from + 30) + zip.readUInt16LE(from + 32);
    if (to > endAt) return;
    const name = zip.subarray(from + CENTRAL_BYTES, from + CENTRAL_BYTES + nameLength);
    entries.push({ record: zip.subarray(from, to), name, at: zip.readUInt32LE(from + 42) });
    from = to;
  }
  return from === endAt && entries.length === count ? { entries, at, end } : undefined;
}

/** Where the record stands that ends the package: the one whose comment reaches exactly to the last byte. */
function endOf(zip: Buffer): number | undefined {
  for (let at = zip.length - END_BYTES; at >= Math.max(0, zip.length - END_BYTES - LONGEST_COMMENT); at--)
    if (zip.readUInt32LE(at) === END && at + END_BYTES + zip.readUInt16LE(at + 20) === zip.length) return at;
  return undefined;
}

/** Whether a file of that name begins where the directory says, before the next one. */
const isSound = (zip: Buffer, { at, name }: Entry, next: number): boolean =>
  at !== ELSEWHERE_32 &&
  at + LOCAL_BYTES + name.length <= next &&
  zip.readUInt32LE(at) === LOCAL &&
  zip.subarray(at + LOCAL_BYTES, at + LOCAL_BYTES + name.length).equals(name);

function movedRecord({ record }: Entry, at: number): Buffer {
  const moved = Buffer.from(record);
  moved.writeUInt32LE(at, 42);
  return moved;
}

/** What stands of a stored file alike in front of it and in the directory: not deflated, so that no zlib gives other bytes. */
function facts({ path, content }: AddedFile): Buffer {
  const shared = Buffer.alloc(26);
  shared.writeUInt16LE(10, 0);
  shared.writeUInt16LE(FIRST_DOS_DATE, 8);
  shared.writeUInt32LE(crc32(content), 10);
  shared.writeUInt32LE(content.length, 14);
  shared.writeUInt32LE(content.length, 18);
  shared.writeUInt16LE(Buffer.byteLength(path), 22);
  return shared;
}

function localHeader(file: AddedFile): Buffer {
  const signature = Buffer.alloc(4);
  signature.writeUInt32LE(LOCAL, 0);
  return Buffer.concat([signature, facts(file), Buffer.from(file.path)]);
}

function addedRecord(file: AddedFile, at: number): Buffer {
  const record = Buffer.alloc(CENTRAL_BYTES);
  record.writeUInt32LE(CENTRAL, 0);
  record.writeUInt16LE(MADE_BY_UNIX, 4);
  facts(file).copy(record, 6);
  record.writeUInt32LE(((REGULAR_FILE | file.mode) << 16) >>> 0, 38);
  record.writeUInt32LE(at, 42);
  return Buffer.concat([record, Buffer.from(file.path)]);
}
