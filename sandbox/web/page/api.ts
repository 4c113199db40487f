import { isRecord, type JsonRecord } from '../../slack/rules/json.ts';

async function read(reply: Response): Promise<JsonRecord> {
  const body: unknown = await reply.json().catch(() => undefined);
  return isRecord(body) ? body : { ok: false, error: `http_${reply.status}` };
}

/** Sends a request and returns the answer. Never throws: a network error is returned as an answer, too. */
async function send(path: string, init: RequestInit): Promise<JsonRecord> {
  try {
    return await read(await fetch(path, init));
  } catch (error) {
    return { ok: false, error: 'no_network', message: `The sandbox does not answer (${String(error)}).` };
  }
}

/** An action of a person. Returns the answer of the local Slack. */
export const post = (path: string, body: JsonRecord): Promise<JsonRecord> =>
  send(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

/** Reads JSON. Returns undefined when it is not available now. */
export async function get(path: string): Promise<JsonRecord | undefined> {
  try {
    const reply = await fetch(path);
    return reply.ok ? await read(reply) : undefined;
  } catch {
    // The page asks again after a short time.
    return undefined;
  }
}

/** Uploads a file of a person, for a form or into a channel or thread. */
export function uploadFile(upload: {
  user: string;
  file: File;
  channel?: string;
  text?: string;
  threadTs?: string;
}): Promise<JsonRecord> {
  const { file, ...fields } = upload;
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  form.set('file', file);
  return send('/sandbox/upload', { method: 'POST', body: form });
}

/** Stores bytes at an address, and deletes what is there. */
export const put = (path: string, body: Blob): Promise<JsonRecord> => send(path, { method: 'PUT', body });
export const remove = (path: string): Promise<JsonRecord> => send(path, { method: 'DELETE' });
