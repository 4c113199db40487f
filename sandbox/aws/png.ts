import { crc32, deflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const KEYWORD = 'timesheet';
const WIDTH = 160;
const HEIGHT = 96;

function chunk(type: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(content.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

function header(): Buffer {
  const content = Buffer.alloc(13);
  content.writeUInt32BE(WIDTH, 0);
  content.writeUInt32BE(HEIGHT, 4);
  content.set([8, 0, 0, 0, 0], 8); // 8 bit, grey
  return chunk('IHDR', content);
}

/** An empty timesheet: a white page with a grid. */
function picture(): Buffer {
  const rows = Buffer.alloc((WIDTH + 1) * HEIGHT, 0xff);
  for (let y = 0; y < HEIGHT; y++) {
    rows[y * (WIDTH + 1)] = 0;
    for (let x = 0; x < WIDTH; x++) if (y % 16 === 0 || x % 32 === 0) rows[y * (WIDTH + 1) + 1 + x] = 0x90;
  }
  return chunk('IDAT', deflateSync(rows));
}

const HEAD = Buffer.concat([SIGNATURE, header()]);
const TAIL = Buffer.concat([picture(), chunk('IEND', Buffer.alloc(0))]);

/** Draws a PNG of a timesheet. The picture contains its data as UTF-8 text. */
export function drawTimesheet(text: string): Buffer {
  const content = Buffer.concat([Buffer.from(`${KEYWORD}\0\0\0\0\0`, 'latin1'), Buffer.from(text, 'utf8')]);
  return Buffer.concat([HEAD, chunk('iTXt', content), TAIL]);
}

/** The text that `drawTimesheet` stored in a picture, or undefined when there is none or the bytes are not a PNG. */
export function readTimesheetText(bytes: Buffer): string | undefined {
  if (!bytes.subarray(0, SIGNATURE.length).equals(SIGNATURE)) return;
  let at = SIGNATURE.length;
  while (at + 12 <= bytes.length) {
    const length = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    const content = bytes.subarray(at + 8, at + 8 + length);
    if (type === 'iTXt' && content.toString('latin1', 0, KEYWORD.length) === KEYWORD)
      return content.toString('utf8', KEYWORD.length + 5);
    at += length + 12;
  }
  return;
}
