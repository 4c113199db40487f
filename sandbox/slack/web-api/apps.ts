import { z } from 'zod';
import type { Parts } from '../rules/parts.ts';
import { type MethodTable, method } from './method.ts';

/** api.test, auth.test and apps.connections.open. */
export function appMethods(parts: Pick<Parts, 'directory' | 'socket' | 'url'>): MethodTable {
  const { directory, socket, url } = parts;
  return {
    'api.test': method({ scopes: [], tier: 4, token: 'none' }, z.record(z.string(), z.unknown()), (args) => ({
      args,
    })),
    'auth.test': method({ scopes: [], tier: 'special' }, z.object({}), () => ({
      url: `${url()}/`,
      team: directory.team.name,
      user: directory.bot.name,
      team_id: directory.team.id,
      user_id: directory.bot.id,
      bot_id: directory.bot.botId,
      app_id: directory.app.id,
      is_enterprise_install: false,
    })),
    'apps.connections.open': method({ scopes: [], tier: 'special', token: 'app' }, z.object({}), () => ({
      url: `${url().replace(/^http/, 'ws')}${socket.newLink()}`,
    })),
  };
}
