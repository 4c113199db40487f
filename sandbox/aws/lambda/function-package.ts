import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { unzipSync, type Zippable, zipSync } from 'fflate';
import type { OcrVersion } from '../ocr/timesheet.ts';

const SOURCES = new URL('../function/', import.meta.url);
const REGULAR_FILE = 0o100644;
const MOST_UNZIPPED_BYTES = 262_144_000;
const LEADS_OUTSIDE = /^\/|^[A-Za-z]:|\\|\0|(^|\/)\.\.(\/|$)/;
const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;

/** A deployed package, unpacked. */
export interface FunctionPackage {
  readonly zip: Buffer;
  /** SHA-256 in base64, like Lambda's CodeSha256. */
  readonly sha256: string;
  readonly files: readonly { readonly name: string; readonly size: number }[];
  /** The content of its OCR_VERSION.txt, or "unknown". */
  readonly ocr: OcrVersion;
  /** The text of a file, or undefined. */
  text(name: string): string | undefined;
}

/** Lambda refuses the package. The message is Lambda's message. */
export class PackageRefusedError extends Error {
  override readonly name = 'PackageRefusedError';
}

/** The function before any deploy. The bytes are always the same. */
export function firstPackage(): FunctionPackage {
  const files: Zippable = {};
  for (const name of readdirSync(SOURCES).sort())
    if (/\.(py|txt)$/.test(name))
      files[name] = [
        readFileSync(new URL(name, SOURCES)),
        // A zip stores local time, so the date is built from its parts. The bytes are then the same in every time zone.
        { mtime: new Date(2025, 10, 21, 9, 30), os: 3, attrs: REGULAR_FILE << 16 },
      ];
  return openPackage(Buffer.from(zipSync(files, { level: 9 })));
}

/**
 * Opens a package and checks it like Lambda does. An entry whose name begins with `../` is unpacked without that, as
 * Info-ZIP's `unzip` does. @throws PackageRefusedError when it is not a zip, is damaged, has another path outside of the
 * package, or unpacks to more than 250 MB.
 */
export function openPackage(zip: Buffer): FunctionPackage {
  const wrong = () =>
    new PackageRefusedError('Could not unzip uploaded file. Please check your file, then try to upload again.');
  let unzipped = 0;
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(zip, {
      filter: ({ originalSize }) => {
        unzipped += originalSize;
        return unzipped <= MOST_UNZIPPED_BYTES;
      },
    });
  } catch (error) {
    throw Object.assign(wrong(), { cause: error });
  }
  if (unzipped > MOST_UNZIPPED_BYTES)
    throw new PackageRefusedError(`Unzipped size must be smaller than ${MOST_UNZIPPED_BYTES} bytes`);
  files = Object.fromEntries(Object.entries(files).map(([name, content]) => [name.replace(/^(\.\.\/)+/, ''), content]));
  const entries = Object.entries(files);
  const same =
    checksumsOf(zip).sort().join() ===
    entries
      .map(([, content]) => crc32(content))
      .sort()
      .join();
  if (entries.length === 0 || !same || entries.some(([name]) => LEADS_OUTSIDE.test(name))) throw wrong();
  const texts = new Map<string, string>();
  const text = (name: string) => {
    const content = Object.hasOwn(files, name) ? files[name] : undefined;
    if (content && !texts.has(name)) texts.set(name, Buffer.from(content).toString('utf8'));
    return texts.get(name);
  };
  return {
    zip,
    sha256: createHash('sha256').update(zip).digest('base64'),
    files: entries.map(([name, content]) => ({ name, size: content.length })),
    ocr: ocrVersionOf(text('OCR_VERSION.txt')),
    text,
  };
}

/** Compares the checksums in the central directory. fflate does not check them. */
function checksumsOf(zip: Buffer): number[] {
  let end = zip.length - 22;
  while (end >= 0 && zip.readUInt32LE(end) !== END_OF_DIRECTORY) end--;
  const found: number[] = [];
  if (end < 0) return found;
  let at = zip.readUInt32LE(end + 16);
  while (at + 46 <= zip.length && zip.readUInt32LE(at) === DIRECTORY_ENTRY) {
    found.push(zip.readUInt32LE(at + 16));
    at += 46 + zip.readUInt16LE(at + 28) + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return found;
}

function ocrVersionOf(text: string | undefined): OcrVersion {
  const fact = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(text ?? '')?.[1]?.trim() ?? 'unknown';
  return { version: fact('VERSION'), buildDate: fact('BUILD_DATE'), description: fact('DESCRIPTION') };
}
