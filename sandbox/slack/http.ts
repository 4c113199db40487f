import type { IncomingMessage, ServerResponse } from 'node:http';
import { isRecord, type JsonRecord } from './rules/json.ts';

/** The largest request body, except for uploads. */
const MOST_BODY_BYTES = 16 * 1024 * 1024;

export async function readBody(request: IncomingMessage, mostBytes = MOST_BODY_BYTES): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    size += bytes.length;
    if (size > mostBytes) throw new Error(`The body is larger than ${mostBytes} bytes.`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

/** The arguments of a call: from the query, then from the body (form, JSON or multipart). */
export async function readArguments(request: IncomingMessage, url: URL): Promise<JsonRecord> {
  const query = Object.fromEntries(url.searchParams);
  const contentType = request.headers['content-type'] ?? '';
  const body = await readBody(request);
  if (body.length === 0) return query;
  if (contentType.startsWith('application/json')) {
    const parsed = parseJson(body.toString('utf8'));
    if (!isRecord(parsed)) throw new SyntaxError('The body is not a JSON object.');
    return { ...query, ...parsed };
  }
  if (contentType.startsWith('multipart/form-data')) {
    const form = await readForm(body, contentType);
    return { ...query, ...Object.fromEntries([...form].filter(([, value]) => typeof value === 'string')) };
  }
  return { ...query, ...Object.fromEntries(new URLSearchParams(body.toString('utf8'))) };
}

export const readForm = (body: Buffer, contentType: string): Promise<FormData> =>
  new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData();

/** The parsed JSON, or undefined when the text is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
  response.end(JSON.stringify(body));
}

export function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(text);
}
