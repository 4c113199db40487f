import { createHash } from 'node:crypto';

export interface S3Request {
  readonly method: string;
  /** Without the leading slash: `bucket`, or `bucket/key`. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: Buffer;
}
export interface S3Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}
export interface MemoryS3 {
  readonly objects: Map<string, Buffer>;
  answer(request: S3Request): S3Answer;
}

const xml = (status: number, text: string): S3Answer => ({
  status,
  headers: { 'content-type': 'application/xml' },
  body: Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>${text}`),
});
export const s3Error = (status: number, code: string): S3Answer =>
  xml(status, `<Error><Code>${code}</Code><Message>${code}</Message></Error>`);

/** S3 in memory, any bucket: put, get and delete whole objects, and list them. */
export function createMemoryS3(): MemoryS3 {
  const objects = new Map<string, Buffer>();
  const list = (bucket: string, query: Readonly<Record<string, string>>): S3Answer => {
    const { prefix = '', delimiter, 'start-after': after = '' } = query;
    const keys: string[] = [];
    const folders = new Set<string>();
    for (const path of [...objects.keys()].sort()) {
      if (!path.startsWith(`${bucket}/`)) continue;
      const key = path.slice(bucket.length + 1);
      if (!key.startsWith(prefix) || key <= after) continue;
      const end = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
      if (end === -1) keys.push(key);
      else folders.add(key.slice(0, end + 1));
    }
    const contents = keys.map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`).join('');
    const common = [...folders].map((folder) => `<CommonPrefixes><Prefix>${folder}</Prefix></CommonPrefixes>`).join('');
    return xml(
      200,
      `<ListBucketResult><Name>${bucket}</Name><Prefix>${prefix}</Prefix><KeyCount>${keys.length}</KeyCount><IsTruncated>false</IsTruncated>${contents}${common}</ListBucketResult>`,
    );
  };
  return {
    objects,
    answer({ method, path, query, body }) {
      const [bucket = ''] = path.split('/');
      if (!path.includes('/') || path.endsWith('/'))
        return 'versioning' in query ? xml(200, '<VersioningConfiguration/>') : list(bucket, query);
      if (method === 'PUT') {
        objects.set(path, body);
        return {
          status: 200,
          headers: { etag: `"${createHash('md5').update(body).digest('hex')}"` },
          body: Buffer.alloc(0),
        };
      }
      if (method === 'DELETE') {
        objects.delete(path);
        return { status: 204, headers: {}, body: Buffer.alloc(0) };
      }
      const found = objects.get(path);
      if (!found) return s3Error(404, 'NoSuchKey');
      return { status: 200, headers: { 'content-length': String(found.length) }, body: found };
    },
  };
}
