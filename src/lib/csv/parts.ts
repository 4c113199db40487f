import { openTemporaryFile, type TemporaryFile } from '../disk/temporary-file.ts';
import type { CsvColumn } from './column.ts';
import { csvBatches, csvHeader, type Rows } from './write.ts';

/**
 * One file of a CSV export. It can be read any number of times, until the next part is requested or the iteration ends.
 */
export interface CsvPart {
  /** `failures.csv`, or `failures-1.csv`, `failures-2.csv` … when there are several. */
  readonly name: string;
  /** From 1. */
  readonly number: number;
  readonly bytes: number;
  /** Without the header. */
  readonly rows: number;
  /** The content from its beginning. A chunk is overwritten when the next one is read. */
  readonly chunks: () => AsyncIterable<Uint8Array>;
}

export interface CsvPartsOptions {
  /** The name of the files, without `.csv`. */
  readonly name: string;
  /** The largest size of one part. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
  /** The folder for the part that is being written; by default the system's temporary folder. */
  readonly folder?: string;
}

/** A row is larger than a part. No byte of it was written. `row` counts from 1. */
export class CsvRowTooLongError extends Error {
  override readonly name = 'CsvRowTooLongError';
  readonly row: number;
  readonly bytes: number;
  readonly maxBytes: number;
  constructor(row: number, bytes: number, maxBytes: number) {
    super(`Row ${row} needs ${bytes} bytes with the header. A part has at most ${maxBytes} bytes.`);
    this.row = row;
    this.bytes = bytes;
    this.maxBytes = maxBytes;
  }
}

interface OpenPart {
  readonly file: TemporaryFile;
  bytes: number;
  rows: number;
}

/**
 * Rows as CSV files of at most `maxBytes`, in the format of `csvBytes`: each has the column names and ends between two
 * rows. One part at a time is on disk, and none in memory. Without rows there is no part. The files are deleted when
 * the iteration ends.
 * @throws CsvRowTooLongError; what `rows` throws; the file system's error; `signal.reason`
 */
export async function* csvParts<Row>(
  columns: readonly CsvColumn<Row>[],
  rows: Rows<Row>,
  options: CsvPartsOptions,
): AsyncGenerator<CsvPart> {
  const header = Buffer.from(csvHeader(columns));
  let part: OpenPart | undefined;
  let finishedParts = 0;
  let rowsBefore = 0;

  const write = async (text: Buffer, count: number) => {
    if (part === undefined) {
      part = { file: await openTemporaryFile(options.folder), bytes: 0, rows: 0 };
      await append(part, header);
    }
    await append(part, text);
    part.rows += count;
  };
  const fits = (bytes: number) => (part?.bytes ?? header.length) + bytes <= options.maxBytes;
  const finish = ({ file, bytes, rows }: OpenPart, isOnly: boolean): CsvPart => {
    finishedParts += 1;
    rowsBefore += rows;
    return {
      name: isOnly ? `${options.name}.csv` : `${options.name}-${finishedParts}.csv`,
      number: finishedParts,
      bytes,
      rows,
      chunks: () => chunksOf(file, bytes),
    };
  };
  async function* rowByRow(lines: readonly string[]): AsyncGenerator<CsvPart> {
    for (const line of lines) {
      const text = Buffer.from(line);
      if (part !== undefined && !fits(text.length)) {
        yield finish(part, false);
        await part.file.dispose();
        part = undefined;
      }
      if (!fits(text.length))
        throw new CsvRowTooLongError(rowsBefore + 1, header.length + text.length, options.maxBytes);
      await write(text, 1);
    }
  }

  try {
    for await (const batch of csvBatches(columns, rows, options.signal)) {
      const text = Buffer.from(batch.text);
      if (fits(text.length)) await write(text, batch.rows);
      else yield* rowByRow(batch.lines());
    }
    if (part !== undefined) yield finish(part, finishedParts === 0);
  } finally {
    await part?.file.dispose();
  }
}

const CHUNK_BYTES = 64 * 1_024;

/** The first `bytes` of a file, in one buffer that is used again: a new one for each chunk stays in memory until V8 collects it. */
async function* chunksOf({ handle }: TemporaryFile, bytes: number): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(CHUNK_BYTES);
  for (let at = 0; at < bytes; ) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, bytes - at), at);
    if (bytesRead === 0) throw new Error('A temporary file of a CSV export is shorter than what was written.');
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

async function append(part: OpenPart, bytes: Buffer): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await part.file.handle.write(bytes, written, bytes.length - written, part.bytes + written);
    written += bytesWritten;
  }
  part.bytes += bytes.length;
}
