import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { PersonRefusedError } from '../errors.ts';
import { parseJson, readBody, readForm } from '../http.ts';
import { type JsonRecord, present } from '../rules/json.ts';
import { toSlackFile } from '../workspace/files.ts';
import { personNamed } from './lookup.ts';
import { postMessage } from './messages.ts';

const UPLOAD = z.object({
  user: z.string(),
  name: z.string().min(1),
  /** The content of the file as text, or in base64. */
  content: z.string().optional(),
  base64: z.string().optional(),
  /** The channel to share it in. Without one, the file is for a file_input. */
  channel: z.string().optional(),
  text: z.string().optional(),
  threadTs: z.string().optional(),
});

/** A person uploads a file, as JSON with its content or as multipart with a part `file`. Returns the file. */
export async function uploadAsPerson(
  parts: Parameters<typeof postMessage>[0],
  request: IncomingMessage,
): Promise<JsonRecord> {
  const { upload, bytes } = await readUpload(request);
  const user = personNamed(parts.directory, upload.user);
  const file = parts.files.add({ name: upload.name, userId: user.id, teamId: user.teamId, bytes });
  const message =
    upload.channel === undefined
      ? undefined
      : postMessage(parts, {
          user: user.id,
          channel: upload.channel,
          text: upload.text ?? '',
          fileIds: [file.id],
          threadTs: upload.threadTs,
        });
  return present({ ok: true, file: toSlackFile(parts.files.find(file.id) ?? file, parts.url()), message });
}

async function readUpload(request: IncomingMessage): Promise<{ upload: z.output<typeof UPLOAD>; bytes: Buffer }> {
  const contentType = request.headers['content-type'] ?? '';
  const body = await readBody(request, 64 * 1024 * 1024);
  if (!contentType.startsWith('multipart/form-data')) {
    const upload = parsed(parseJson(body.toString('utf8')));
    const bytes =
      upload.base64 === undefined ? Buffer.from(upload.content ?? '') : Buffer.from(upload.base64, 'base64');
    return { upload, bytes };
  }
  const form = await readForm(body, contentType);
  const file = form.get('file');
  if (!(file instanceof File)) throw new PersonRefusedError(400, 'no_file', 'The form has no part `file`.');
  const fields = Object.fromEntries([...form].filter(([, value]) => typeof value === 'string'));
  return { upload: parsed({ name: file.name, ...fields }), bytes: Buffer.from(await file.arrayBuffer()) };
}

function parsed(value: unknown): z.output<typeof UPLOAD> {
  const result = UPLOAD.safeParse(value);
  if (result.success) return result.data;
  throw new PersonRefusedError(400, 'bad_request', z.prettifyError(result.error));
}
