import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Reads the whole body of a request. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
}

/** Parses the body as JSON. Returns undefined when it is not JSON. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  try {
    return JSON.parse((await readBody(request)).toString('utf8') || '{}');
  } catch {
    return undefined;
  }
}

const SIGNATURE_VALID_MS = 5 * 60_000;

/**
 * The text with which AWS refuses a signature whose time differs by more than 5 minutes from its own; undefined where it
 * accepts the time. Source: "Signature expired" in the IAM guide on errors of signed requests. S3 allows 15 minutes; here
 * it is as strict as the other services.
 */
export function refusalOfSignature(request: IncomingMessage, now: number): string | undefined {
  const signed = String(request.headers['x-amz-date'] ?? '');
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(signed) ?? [];
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(at) || Math.abs(now - at) <= SIGNATURE_VALID_MS) return;
  const text = (time: number) => new Date(time).toISOString().replace(/[-:]|\.\d+/g, '');
  return at < now
    ? `Signature expired: ${signed} is now earlier than ${text(now - SIGNATURE_VALID_MS)} (${text(now)} - 5 min.)`
    : `Signature not yet current: ${signed} is still later than ${text(now + SIGNATURE_VALID_MS)} (${text(now)} + 5 min.)`;
}

export function sendJson(response: ServerResponse, status: number, body: unknown, type = 'application/json'): void {
  sendJsonText(response, status, JSON.stringify(body), type);
}

export function sendJsonText(response: ServerResponse, status: number, json: string, type: string): void {
  response.writeHead(status, { 'content-type': type, 'x-amzn-requestid': randomUUID() });
  response.end(json);
}

/** Sends an error of the JSON protocols (DynamoDB, Logs, Service Quotas). */
export function sendJsonError(response: ServerResponse, type: string, message: string, status = 400): void {
  sendJson(response, status, { __type: type, message }, 'application/x-amz-json-1.1');
}

export function sendXmlError(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { 'content-type': 'application/xml', 'x-amz-request-id': randomUUID() });
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  );
}
