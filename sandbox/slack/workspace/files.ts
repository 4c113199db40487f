import { extname } from 'node:path';
import type { JsonRecord } from '../rules/json.ts';
import type { SlackClock } from './clock.ts';
import type { Ids } from './ids.ts';

export interface StoredFile {
  readonly id: string;
  readonly name: string;
  readonly title: string;
  readonly userId: string;
  /** The workspace of the owner. */
  readonly teamId: string;
  readonly mimetype: string;
  readonly filetype: string;
  readonly size: number;
  readonly createdAt: number;
  readonly bytes: Buffer;
  /** Where it was shared, by channel id. */
  readonly shares: readonly { readonly channelId: string; readonly ts: string }[];
}

type Owner = Pick<StoredFile, 'userId' | 'teamId'>;

export interface Files {
  /** Starts an upload. Returns the id of the file and the token of its upload URL. */
  reserve(file: { name: string; size: number } & Owner): { id: string; token: string };
  /** Takes the bytes for an upload URL. */
  receive(token: string, bytes: Buffer): 'stored' | 'unknown' | 'wrong-length';
  /** Adds a complete file, as a person uploads one. */
  add(file: { name: string; bytes: Buffer; mimetype?: string } & Owner): StoredFile;
  /**
   * Completes an upload with a title; the file is then visible. Returns undefined when nothing was uploaded for this
   * id.
   */
  complete(id: string, title: string | undefined): StoredFile | undefined;
  shared(id: string, channelId: string, ts: string): void;
  /** A completed file. */
  find(id: string): StoredFile | undefined;
  all(): readonly StoredFile[];
}

/** Slack's limit for one file. */
export const MAX_FILE_BYTES = 1024 ** 3;

const TYPES: Readonly<Record<string, readonly [filetype: string, mimetype: string]>> = {
  '.csv': ['csv', 'text/csv'],
  '.txt': ['text', 'text/plain'],
  '.log': ['text', 'text/plain'],
  '.json': ['json', 'application/json'],
  '.md': ['markdown', 'text/markdown'],
  '.png': ['png', 'image/png'],
  '.jpg': ['jpg', 'image/jpeg'],
  '.jpeg': ['jpg', 'image/jpeg'],
  '.gif': ['gif', 'image/gif'],
  '.svg': ['svg', 'image/svg+xml'],
  '.pdf': ['pdf', 'application/pdf'],
  '.zip': ['zip', 'application/zip'],
  '.gz': ['gzip', 'application/gzip'],
  '.html': ['html', 'text/html'],
};

export function createFiles(clock: Pick<SlackClock, 'now'>, ids: Pick<Ids, 'next'>): Files {
  const reserved = new Map<string, { id: string; name: string; size: number } & Owner>();
  const uploaded = new Map<string, StoredFile>();
  const completed = new Map<string, StoredFile>();
  const stored = (id: string, name: string, owner: Owner, bytes: Buffer, mimetype?: string): StoredFile => {
    const [filetype, known] = TYPES[extname(name).toLowerCase()] ?? ['binary', 'application/octet-stream'];
    return {
      id,
      name,
      title: name,
      userId: owner.userId,
      teamId: owner.teamId,
      mimetype: mimetype ?? known,
      filetype,
      size: bytes.length,
      createdAt: clock.now(),
      bytes,
      shares: [],
    };
  };
  return {
    reserve(file) {
      const id = ids.next('F');
      const token = crypto.randomUUID().replaceAll('-', '');
      reserved.set(token, { id, ...file });
      return { id, token };
    },
    receive(token, bytes) {
      const place = reserved.get(token);
      if (!place) return 'unknown';
      if (bytes.length !== place.size) return 'wrong-length';
      uploaded.set(place.id, stored(place.id, place.name, place, bytes));
      return 'stored';
    },
    add({ name, bytes, mimetype, ...owner }) {
      const file = stored(ids.next('F'), name, owner, bytes, mimetype);
      completed.set(file.id, file);
      return file;
    },
    complete(id, title) {
      const file = uploaded.get(id);
      if (!file) return undefined;
      uploaded.delete(id);
      const done = { ...file, title: title ?? file.title };
      completed.set(id, done);
      return done;
    },
    shared(id, channelId, ts) {
      const file = completed.get(id);
      if (file) completed.set(id, { ...file, shares: [...file.shares, { channelId, ts }] });
    },
    find: (id) => completed.get(id),
    all: () => [...completed.values()],
  };
}

/** The file in the format of `files.info`. */
export function toSlackFile(file: StoredFile, baseUrl: string): JsonRecord {
  const path = `${baseUrl}/files-pri/${file.id}`;
  const name = encodeURIComponent(file.name);
  const sharesIn = (prefix: string) =>
    file.shares.map((share) => share.channelId).filter((id) => id.startsWith(prefix));
  return {
    id: file.id,
    created: Math.floor(file.createdAt / 1000),
    timestamp: Math.floor(file.createdAt / 1000),
    name: file.name,
    title: file.title,
    mimetype: file.mimetype,
    filetype: file.filetype,
    pretty_type: file.filetype.toUpperCase(),
    user: file.userId,
    user_team: file.teamId,
    editable: false,
    size: file.size,
    mode: 'hosted',
    is_external: false,
    external_type: '',
    is_public: sharesIn('C').length > 0,
    public_url_shared: false,
    display_as_bot: false,
    url_private: `${path}/${name}`,
    url_private_download: `${path}/download/${name}`,
    permalink: `${baseUrl}/files/${file.userId}/${file.id}/${name}`,
    channels: sharesIn('C'),
    groups: sharesIn('G'),
    ims: sharesIn('D'),
    shares: {
      public: Object.fromEntries(
        file.shares
          .filter((share) => share.channelId.startsWith('C'))
          .map((share) => [share.channelId, [{ ts: share.ts }]]),
      ),
    },
  };
}
