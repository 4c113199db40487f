/** A zip read field by field, because the tests are about details that a library hides. */
export interface ZipPart {
  readonly path: string;
  readonly madeBy: number;
  readonly flags: number;
  readonly method: number;
  /** DOS date and time, as one number. */
  readonly modified: number;
  readonly crc: number;
  readonly size: number;
  readonly attributes: number;
  /** The compressed bytes, in hex. */
  readonly packed: string;
  /** The offset of this entry in the central directory, and of its file. */
  readonly at: number;
  readonly fileAt: number;
}

const END = 0x06054b50;
const ENTRY = 0x02014b50;

/** The entries of the central directory in their order. Throws when there is none. */
export function zipParts(zip: Uint8Array): ZipPart[] {
  const bytes = Buffer.from(zip.buffer, zip.byteOffset, zip.length);
  let end = bytes.length - 22;
  while (bytes.readUInt32LE(end) !== END) end--;
  const parts: ZipPart[] = [];
  let at = bytes.readUInt32LE(end + 16);
  while (bytes.readUInt32LE(at) === ENTRY) {
    const names = bytes.readUInt16LE(at + 28);
    const extra = bytes.readUInt16LE(at + 30);
    const comment = bytes.readUInt16LE(at + 32);
    const fileAt = bytes.readUInt32LE(at + 42);
    const packedAt = fileAt + 30 + bytes.readUInt16LE(fileAt + 26) + bytes.readUInt16LE(fileAt + 28);
    parts.push({
      path: bytes.toString('utf8', at + 46, at + 46 + names),
      madeBy: bytes.readUInt8(at + 5),
      flags: bytes.readUInt16LE(at + 8),
      method: bytes.readUInt16LE(at + 10),
      modified: bytes.readUInt32LE(at + 12),
      crc: bytes.readUInt32LE(at + 16),
      size: bytes.readUInt32LE(at + 24),
      attributes: bytes.readUInt32LE(at + 38),
      packed: bytes.toString('hex', packedAt, packedAt + bytes.readUInt32LE(at + 20)),
      at,
      fileAt,
    });
    at += 46 + names + extra + comment;
  }
  return parts;
}

/** The offset of a field in an entry of the central directory and in the header of a file. */
const FIELDS = { flags: [8, 6], crc: [16, 14], size: [24, 22] } as const;

/** Changes a field of one entry in the central directory and in the header of the file. */
export function withField(
  zip: Uint8Array,
  path: string,
  field: 'flags' | 'crc' | 'size',
  change: (value: number) => number,
): Uint8Array {
  const part = zipParts(zip).find((candidate) => candidate.path === path);
  if (!part) throw new Error(`There is no ${path}.`);
  const bytes = Buffer.from(zip);
  const [inDirectory, inFile] = FIELDS[field];
  if (field === 'flags') {
    bytes.writeUInt16LE(change(part.flags), part.at + inDirectory);
    bytes.writeUInt16LE(change(part.flags), part.fileAt + inFile);
  } else {
    bytes.writeUInt32LE(change(part[field]), part.at + inDirectory);
    bytes.writeUInt32LE(change(part[field]), part.fileAt + inFile);
  }
  return new Uint8Array(bytes);
}

/** Replaces a text by another one of the same length everywhere, mostly names. */
export function withText(zip: Uint8Array, from: string, to: string): Uint8Array {
  const [old, changed] = [Buffer.from(from), Buffer.from(to)];
  if (old.length !== changed.length) throw new Error('Both texts need the same length.');
  const bytes = Buffer.from(zip);
  for (let at = bytes.indexOf(old); at >= 0; at = bytes.indexOf(old, at + 1)) changed.copy(bytes, at);
  return new Uint8Array(bytes);
}
