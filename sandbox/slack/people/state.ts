import { stateOf } from '../rules/element-values.ts';
import type { JsonRecord } from '../rules/json.ts';
import type { Parts } from '../rules/parts.ts';
import { toSlackFile } from '../workspace/files.ts';
import type { View } from '../workspace/views.ts';

/** The whole workspace. `lastEventId` is the newest event that it includes. */
export function workspaceState(parts: Parts): JsonRecord {
  const { directory, messages, views, manifest } = parts;
  const all = messages.all();
  const publicOnes = all.filter((message) => message.onlyFor === undefined);
  const threads: Record<string, string[]> = {};
  for (const message of publicOnes)
    if (message.threadTs !== undefined) {
      const id = `${message.channelId}/${message.threadTs}`;
      threads[id] = [...(threads[id] ?? []), message.ts];
    }
  const people = directory.users();
  return {
    lastEventId: parts.log.lastId(),
    team: directory.team,
    app: { ...directory.app, botUserId: directory.bot.id, homeTabEnabled: manifest.homeTabEnabled },
    commands: manifest.commands,
    users: people,
    channels: directory.channels().map((channel) => ({ ...channel, members: [...channel.members] })),
    userGroups: directory.groups(),
    messages: publicOnes,
    threads,
    ephemerals: all.filter((message) => message.onlyFor !== undefined),
    files: parts.files.all().map((file) => ({
      ...toSlackFile(file, parts.url()),
      peopleUrl: `${parts.url()}/sandbox/files/${file.id}`,
    })),
    views: Object.fromEntries(
      people
        .map((user) => [user.id, views.stack(user.id).map(shownView)] as const)
        .filter(([, stack]) => stack.length > 0),
    ),
    homes: Object.fromEntries(views.homes().map((view) => [view.userId, shownView(view)])),
    connections: parts.socket.connections(),
    slackWorld: parts.world.state(),
  };
}

/** The view with the current values of its elements. */
const shownView = (view: View): JsonRecord => ({ ...view, values: stateOf(view.blocks, view.entered) });
