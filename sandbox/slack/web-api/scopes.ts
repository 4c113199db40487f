import { WebApiError } from '../errors.ts';
import type { AppManifest } from '../manifest.ts';
import type { Channel } from '../workspace/directory.ts';

/** Throws `missing_scope` with the needed and provided scopes, unless the manifest has one of `anyOf`. */
export function requireScope(manifest: Pick<AppManifest, 'scopes'>, anyOf: readonly string[]): void {
  if (anyOf.length === 0 || anyOf.some((scope) => manifest.scopes.has(scope))) return;
  throw new WebApiError('missing_scope', { needed: anyOf.join(','), provided: [...manifest.scopes].join(',') });
}

const PREFIX: Readonly<Record<Channel['kind'], string>> = { public: 'channels', private: 'groups', im: 'im' };

/** The scope to read this kind of conversation (`read`: its properties; `history`: its messages). */
export const conversationScope = (channel: Pick<Channel, 'kind'>, what: 'read' | 'history'): string =>
  `${PREFIX[channel.kind]}:${what}`;

export const anyConversationScope = (what: 'read' | 'history'): readonly string[] =>
  ['channels', 'groups', 'im', 'mpim'].map((prefix) => `${prefix}:${what}`);
