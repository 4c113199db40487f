import type { ModalView } from '@slack/types';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { entryId } from '../../../src/backup/format/item-key.ts';
import { MAX_RESTORED_ROWS, type TableAction } from '../../../src/checklist/contracts/table-control.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { PIPELINE_KEYS } from '../../../src/pipeline/table/records.ts';
import { createRestoreRowsForm } from '../../../src/slack/forms/restore-rows-form.ts';
import { submitRestoreRows } from '../../../src/slack/forms/restore-rows-view.ts';
import { say } from '../../../src/slack/messages/kit/message.ts';
import { approvalMessage } from '../../../src/slack/messages/table/approval-message.ts';
import { diffFound } from '../../support/messages/result-builders.ts';
import { flushApproval } from '../../support/messages/table-builders.ts';

const entry = (person: string, at: number, image?: string): Item => ({
  ResourceName: { S: person },
  DateProjectCode: { S: `2025-09-${String(at).padStart(4, '0')}#PJ1` },
  Hours: { N: '7.5' },
  ...(image === undefined ? {} : { SourceImage: { S: image } }),
});
const idOf = ({ ResourceName = { S: '' }, DateProjectCode = { S: '' } }: Item) =>
  entryId({ ResourceName, DateProjectCode });
const requester = { person: 'U0OPERATOR', channel: 'C1', triggerId: 't', reply: async () => {} };

/** The form on a diff in which these entries are missing, with the views it shows and the requests it makes. */
function form(gone: Item[]) {
  const views: ModalView[] = [];
  const asked: { action: TableAction; reason: string | undefined }[] = [];
  let disposed = 0;
  const putBack = createRestoreRowsForm({
    results: {
      diff: async () => ({
        ok: true,
        value: {
          ...diffFound({ removed: gone.length }),
          keys: PIPELINE_KEYS,
          async *entries() {
            for (const item of gone) {
              const { ResourceName = { S: '' }, DateProjectCode = { S: '' } } = item;
              const key = { ResourceName, DateProjectCode };
              yield { kind: 'removed', id: entryId(key), key, record: 'entry', item };
            }
          },
          async dispose() {
            disposed += 1;
          },
        },
      }),
    },
    openView: async () => 'V1',
    updateView: async (_, view) => void views.push(view),
    async askApproval(action, reason) {
      asked.push({ action, reason });
      return say('Asked for approval in the channel.');
    },
  });
  return { putBack, views, asked, disposed: () => disposed };
}
const selectSchema = z.looseObject({
  block_id: z.literal('entries'),
  element: z.looseObject({ options: z.array(z.looseObject({ text: z.looseObject({ text: z.string() }) })) }),
});
const optionsOf = (view: ModalView | undefined) =>
  view?.blocks.flatMap((block) => selectSchema.safeParse(block).data?.element.options ?? []) ?? [];
const entriesAsked = ({ action }: { action: TableAction }) => (action.kind === 'restore' ? action.entries : undefined);

describe('the form to restore entries', () => {
  test('The form lists entries made by hand first, as many as Slack allows, and tells how many there are in all', async () => {
    const gone = [
      ...Array.from({ length: 150 }, (_, at) => entry('Ann_Other', at, `i${at}.png`)),
      entry('Nik_Coultas', 1),
    ];
    const { putBack, views, disposed } = form(gone);
    await putBack.open('t', {}, requester);
    const options = optionsOf(views[0]);
    expect(options).toHaveLength(100);
    expect(options[0]?.text.text).toBe('Nik_Coultas 2025-09-0001#PJ1');
    expect(JSON.stringify(views[0])).toMatch(/151 records of backup/);
    expect(JSON.stringify(views[0])).toMatch(/All 1 made by hand.*All 151/);
    expect(disposed()).toBe(1);
  });

  test('With a person the form counts only the entries of that person', async () => {
    const { putBack, views } = form([entry('Ann_Other', 1, 'a.png'), entry('Nik_Coultas', 1), entry('Nik_Coultas', 2)]);
    await putBack.open('t', { person: 'Nik_Coultas' }, requester);
    expect(optionsOf(views[0])).toHaveLength(2);
    expect(JSON.stringify(views[0])).toMatch(/2 records of `Nik_Coultas` of backup/);
    await putBack.open('t', { person: 'Nobody' }, requester);
    expect(JSON.stringify(views[1])).toMatch(/Every record of `Nobody` of backup/);
  });

  test('The request restores exactly the chosen entries, and the approval message names them', async () => {
    const gone = [entry('Nik_Coultas', 1), entry('Nik_Coultas', 2), entry('<!channel>', 3)];
    const { putBack, asked } = form(gone);
    const entries = [gone[0], gone[2]].map((item) => idOf(item ?? {}));
    await putBack.ask({ backupId: '01-a', which: 'chosen', entries }, 'lost in the flush', requester);
    expect(asked).toMatchObject([
      {
        reason: 'lost in the flush',
        action: { kind: 'restore', mode: 'rows', entries: expect.arrayContaining(entries) },
      },
    ]);
    const [{ action } = { action: undefined }] = asked;
    const message = approvalMessage(
      { ...flushApproval(), action: 'restore', options: JSON.stringify(action) },
      { policy: 'second-person', approvers: ['U0APPROVER'] },
    );
    expect(message.text).toMatch(/restore 2 records of backup/);
    expect(message.text).toMatch(/`Nik_Coultas 2025-09-0001#PJ1 · 7.5 h`, `&lt;!channel&gt; 2025-09-0003#PJ1 · 7.5 h`/);
  });

  test('The request leaves out entries that are in the table again, and the reply says so', async () => {
    const [first, second] = [entry('Nik_Coultas', 1), entry('Nik_Coultas', 2)];
    const { putBack, asked } = form([first]);
    const both = { backupId: '01-a', which: 'chosen', entries: [idOf(first), idOf(second)] } as const;
    expect((await putBack.ask(both, undefined, requester))?.text).toMatch(
      /leaves out 1 entry that is in the table again/,
    );
    expect(asked.map(entriesAsked)).toEqual([[idOf(first)]]);
    const none = { backupId: '01-a', which: 'chosen', entries: [idOf(second)] } as const;
    expect((await putBack.ask(none, undefined, requester))?.text).toMatch(
      /All of these entries are in the table again/,
    );
    expect(asked).toHaveLength(1);
  });

  test('The request can cover all entries made by hand, or all, also of one person', async () => {
    const gone = [entry('A', 1, 'a.png'), entry('A', 2), entry('B', 3), entry('B', 4, 'b.png')];
    const { putBack, asked } = form(gone);
    await putBack.ask({ backupId: '01-a', which: 'by-hand' }, undefined, requester);
    await putBack.ask({ backupId: '01-a', which: 'all' }, undefined, requester);
    await putBack.ask({ backupId: '01-a', which: 'all', person: 'B' }, undefined, requester);
    expect(asked.map((request) => entriesAsked(request)?.length)).toEqual([2, 4, 2]);
  });

  test('More entries than one request can restore are refused, and nothing is requested', async () => {
    const { putBack, asked } = form(Array.from({ length: MAX_RESTORED_ROWS + 1 }, (_, at) => entry('A', at)));
    expect((await putBack.ask({ backupId: '01-a', which: 'all' }, undefined, requester))?.text).toMatch(
      /2,001 entries are more than one request can restore/,
    );
    expect(asked).toEqual([]);
  });
});

describe('the submission of the form to restore entries', () => {
  const submitted = (which: string | undefined, entries: string[]) =>
    submitRestoreRows({ ask: async () => undefined }).read({
      viewId: 'V1',
      privateMetadata: JSON.stringify({ backupId: '01-a', channel: 'C1' }),
      values: {
        entries: { entries: { selected_options: entries.map((value) => ({ value })) } },
        ...(which === undefined ? {} : { which: { which: { selected_option: { value: which } } } }),
      },
    });
  test.each([
    ['nothing chosen', 'chosen', [], /at least one/],
    ['some chosen, and all', 'all', ['0123456789abcdef'], /Clear this field/],
  ] as const)('The submission is refused at the field with %s', (_, which, entries, what) => {
    const read = submitted(which, [...entries]);
    expect(read?.kind === 'errors' && read.errors.entries).toMatch(what);
  });
  test('The submission is read with and without the choice of which entries', () => {
    expect(submitted(undefined, ['0123456789abcdef'])?.kind).toBe('execute');
    expect(submitted('by-hand', [])?.kind).toBe('execute');
  });
});
