import { expect, test } from 'vitest';
import { createTableForms } from '../../../src/slack/forms/table-forms.ts';
import { idleTableControl } from '../../support/memory/idle-table-control.ts';

const notAsked = async (): Promise<never> => {
  throw new Error('not asked');
};
const requester = { person: 'U1', channel: 'C01', reply: async () => {} };

test('the restore form shows every 3 s how much was read, and nothing after the form', async () => {
  let now = 0;
  const shown: string[] = [];
  let release = () => {};
  const forms = createTableForms({
    tables: {
      ...idleTableControl(),
      async planRestore({ onProgress }) {
        const read = (at: number, tableItems: number) => {
          now = at;
          onProgress?.({ tableItems, backupItems: tableItems * 2 });
        };
        read(2_999, 1);
        read(3_000, 1_200);
        // The edit takes long: no other one is begun meanwhile.
        read(7_000, 2_000);
        release();
        await Promise.resolve();
        await new Promise((resolve) => setImmediate(resolve));
        read(8_000, 3_000);
        read(8_100, 3_100);
        return { ok: false, refusal: { reason: 'no-backup' } };
      },
    },
    scope: { current: async () => undefined, set: notAsked, clear: notAsked },
    chat: { post: async () => '1.1', edit: async () => {} },
    clock: { now: () => now },
    openView: async () => 'V1',
    async updateView(_viewId, view) {
      if (shown.length === 0) await new Promise<void>((resolve) => (release = resolve));
      shown.push(JSON.stringify(view));
    },
    whoApproves: { policy: 'second-person', approvers: ['U2'] },
    checkApprover: async () => 'approver',
  });
  await forms.showRestore('V1', { backupId: 'b-1', mode: 'merge' }, requester);
  expect(shown).toHaveLength(3);
  expect(shown[0]).toContain('1,200 records of the table and 2,400 records of the backup so far');
  expect(shown[1]).toContain('3,000 records of the table and 6,000 records of the backup so far');
  expect(shown[2]).not.toContain('so far');
});
