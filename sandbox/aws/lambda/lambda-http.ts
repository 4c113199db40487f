import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';

/** An error of Lambda: its name, its message and its HTTP status. */
export class LambdaRefusal extends Error {
  override readonly name = 'LambdaRefusal';
  readonly status: number;
  readonly type: string;
  readonly more: Readonly<Record<string, string>>;
  constructor(status: number, type: string, message: string, more: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.type = type;
    this.more = more;
  }
}

/** A parameter that Lambda does not accept. */
export const badParameter = (message: string): LambdaRefusal =>
  new LambdaRefusal(400, 'InvalidParameterValueException', message);

export function sendLambda(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'x-amzn-requestid': randomUUID() });
  response.end(JSON.stringify(body));
}

export function sendRefusal(response: ServerResponse, refusal: LambdaRefusal): void {
  response.setHeader('x-amzn-errortype', refusal.type);
  if (refusal.status === 429) response.setHeader('Retry-After', '1');
  sendLambda(response, refusal.status, { Type: 'User', message: refusal.message, ...refusal.more });
}
