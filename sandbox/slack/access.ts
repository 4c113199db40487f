import type { IncomingMessage } from 'node:http';

/** Names of this machine in a Host header. */
const LOCAL_NAMES = new Set(['127.0.0.1', 'localhost', '[::1]']);

/**
 * Whether a page of another site sent this request: browsers then send its Origin. Programs send none, and the page of the
 * sandbox sends its own address.
 */
export const isForeignOrigin = ({ headers: { origin, host } }: IncomingMessage): boolean =>
  origin !== undefined && origin !== `http://${host ?? ''}`;

/**
 * Whether the request is addressed to this machine and to the port that received it. A site whose DNS name was changed to
 * 127.0.0.1 has a matching Origin, but its own name in the Host header.
 */
export function isLocalHost({ headers, socket }: IncomingMessage): boolean {
  const [, name = '', port = '80'] = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(headers.host ?? '') ?? [];
  return LOCAL_NAMES.has(name.toLowerCase()) && Number(port) === socket.localPort;
}

/** Why the control routes of a sandbox server refuse this request; undefined when they accept it. */
export const refusalOfAccess = (request: IncomingMessage): string | undefined =>
  isForeignOrigin(request)
    ? 'Requests from pages of another origin are refused.'
    : isLocalHost(request)
      ? undefined
      : 'The Host header must be 127.0.0.1 or localhost with the port of this server.';
