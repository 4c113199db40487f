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
