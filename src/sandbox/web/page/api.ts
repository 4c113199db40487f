import { isRecord, type JsonRecord } from '../../slack/json.ts';

async function read(reply: Response): Promise<JsonRecord> {
  const body: unknown = await reply.json().catch(() => undefined);
  return isRecord(body) ? body : { ok: false, error: `http_${reply.status}` };
}

/** What a person does: answers what the local Slack says of it. Never throws: no network is an answer as well. */
export async function post(path: string, body: JsonRecord): Promise<JsonRecord> {
  try {
    const headers = { 'content-type': 'application/json' };
    return await read(await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) }));
  } catch (error) {
    return { ok: false, error: 'no_network', message: String(error) };
  }
}

/** What there is; undefined where it cannot be had now. */
export async function get(path: string): Promise<JsonRecord | undefined> {
  try {
    const reply = await fetch(path);
    return reply.ok ? await read(reply) : undefined;
  } catch {
    // The page asks again by itself.
    return undefined;
  }
}

export async function uploadFile(user: string, file: File): Promise<JsonRecord> {
  const form = new FormData();
  form.set('user', user);
  form.set('file', file);
  try {
    return await read(await fetch('/sandbox/upload', { method: 'POST', body: form }));
  } catch (error) {
    return { ok: false, error: 'no_network', message: String(error) };
  }
}
