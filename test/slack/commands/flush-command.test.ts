import { expect, test } from 'vitest';
import { flushCommand } from '../../../src/slack/commands/table-commands.ts';
import type { TableForms } from '../../../src/slack/forms/table-forms.ts';
import { idleTableControl } from '../../support/memory/idle-table-control.ts';

/** What the form of a flush is asked for by the text after `/rescan flush`; the refusal where there is one. */
async function wantedBy(rest: string): Promise<unknown> {
  let wanted: unknown;
  const nothing = async () => undefined;
  const forms: TableForms = {
    async openFlush(_triggerId, asked) {
      wanted = asked;
      return undefined;
    },
    openRestore: nothing,
    showRestore: nothing,
    askToKeep: async () => undefined,
    ask: nothing,
  };
  const read = flushCommand({ tables: idleTableControl(), forms }).read(rest);
  if (!read.ok) return read.line;
  await read.value.execute({ person: 'U1', channel: 'C1', triggerId: 't', reply: async () => {} });
  return wanted;
}

test.each([
  ['', { failedOnly: false, recreate: false }],
  ['recreate', { failedOnly: false, recreate: true }],
  ['recreate backup=b-1', { failedOnly: false, recreate: true, backupId: 'b-1' }],
  ['kinds=failed', { failedOnly: true, recreate: false }],
])('`/rescan flush %s` opens the form for exactly that', async (rest, wanted) => {
  expect(await wantedBy(rest)).toEqual(wanted);
});

test('`/rescan flush recreate kinds=failed` is refused, because it would delete more than failed images', async () => {
  expect(await wantedBy('recreate kinds=failed')).toContain('does not take `kinds=`');
});

test('`/rescan flush` refuses `recreate` at another place than the first', async () => {
  expect(typeof (await wantedBy('backup=b recreate'))).toBe('string');
});
