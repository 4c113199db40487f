import type { ModalView } from '@slack/types';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { entryId } from '../../../src/backup/format/item-key.ts';
import { MAX_RESTORED_ROWS, type TableAction } from '../../../src/checklist/contracts/table-action.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import type { ChangedEntry } from '../../../src/results/diff/diff.ts';
import type { DiffTotals } from '../../../src/results/diff/diff-totals.ts';
import { createRestoreRowsForm } from '../../../src/slack/forms/restore-rows-form.ts';
import { submitRestoreRows } from '../../../src/slack/forms/restore-rows-view.ts';
import { say } from '../../../src/slack/messages/kit/message.ts';
import { approvalMessage } from '../../../src/slack/messages/table/approval-message.ts';
import { PIPELINE_KEYS } from '../../support/aws/pipeline-keys.ts';
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

/** The form on a diff in which these entries are missing or changed, with the views it shows and the requests it makes. */
function form(gone: Item[], changed: readonly ChangedEntry[] = [], totals: Partial<DiffTotals> = {}) {
  const views: ModalView[] = [];
  const asked: { action: TableAction; reason: string | undefined }[] = [];
  let disposed = 0;
  const putBack = createRestoreRowsForm({
    results: {
      diff: async () => ({
        ok: true,
        value: {
          ...diffFound({ removed: gone.length, changed: changed.length, ...totals }),
          keys: PIPELINE_KEYS,
          async *entries() {
            for (const item of gone) {
              const { ResourceName = { S: '' }, DateProjectCode = { S: '' } } = item;
              const key = { ResourceName, DateProjectCode };
              yield { kind: 'removed', id: entryId(key), key, record: 'entry', item };
            }
            yield* changed;
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
  block_id: z.enum(['entries', 'changed']),
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
    expect(JSON.stringify(views[0])).toMatch(/All 1 made by hand.*All 151 removed/);
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

  test('A person is found by the only name that looks like the one typed, and two are both named', async () => {
    const gone = [entry('Ann_O\u2019Neil', 1), entry('Ben', 2)];
    const one = form(gone);
    await one.putBack.open('t', { person: "ann_O'Neil" }, requester);
    expect(JSON.stringify(one.views[0])).toMatch(/1 record of `Ann_O\u2019Neil` of backup/);
    expect(JSON.parse(one.views[0]?.private_metadata ?? '')).toMatchObject({ person: 'Ann_O\u2019Neil' });
    const two = form([...gone, entry('Ann_O\u02bcNeil', 3)]);
    await two.putBack.open('t', { person: "ann_O'Neil" }, requester);
    expect(JSON.stringify(two.views[0])).toMatch(/2 look like it: .*Ann_O\\+u\{2bc\}Neil.*Ann_O\\+u\{2019\}Neil/);
    await two.putBack.open('t', { person: 'Ann_O\\u{2bc}Neil' }, requester);
    expect(JSON.stringify(two.views[1])).toMatch(/1 record of `Ann_O\u02bcNeil` of backup/);
  });

  test('The request restores exactly the chosen entries, and the approval message names them', async () => {
    const gone = [entry('Nik_Coultas', 1), entry('Nik_Coultas', 2), entry('<!channel>', 3)];
    const { putBack, asked } = form(gone);
    const entries = [gone[0], gone[2]].map((item) => idOf(item ?? {}));
    await putBack.ask({ backupId: '01-a', which: 'chosen', entries, overwrites: [] }, 'lost in the flush', requester);
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
    const both = { backupId: '01-a', which: 'chosen', entries: [idOf(first), idOf(second)], overwrites: [] } as const;
    expect((await putBack.ask(both, undefined, requester))?.text).toMatch(
      /leaves out 1 entry that is in the table again or has changed/,
    );
    expect(asked.map(entriesAsked)).toEqual([[idOf(first)]]);
    const none = { backupId: '01-a', which: 'chosen', entries: [idOf(second)], overwrites: [] } as const;
    expect((await putBack.ask(none, undefined, requester))?.text).toMatch(
      /All of these entries are in the table again, or have changed/,
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

describe('the form with changed entries', () => {
  const change = (at: number, name = 'Hours', seen = `seen-${at}`): ChangedEntry => {
    const key = { ResourceName: { S: 'Ada_Price' }, DateProjectCode: { S: `2025-09-${at}#PJ1` } };
    const note = { name: 'Note', before: { S: 'a' }, after: { S: 'b' } };
    const hours = { name, before: { N: '4' }, after: { N: '7.5' } };
    return {
      kind: 'changed',
      id: entryId(key),
      key,
      record: 'entry',
      fields: [note, hours],
      seen: seen.padEnd(22, 'v'),
      isByHand: true,
    };
  };
  const restored = ({ action }: { action: TableAction }) =>
    action.kind === 'restore' ? { entries: action.entries?.length, overwrites: action.overwrites?.length } : undefined;

  test('The form lists changed entries with the fields that differ, the hours first, and leaves moved ones out', async () => {
    const { putBack, views } = form([entry('A', 1)], [change(10)], { moved: 7, movedHours: '52.5' });
    await putBack.open('t', {}, requester);
    const text = JSON.stringify(views[0]);
    expect(text).toMatch(/Hours 7\.5 → 4, Note b → a/);
    expect(text).toMatch(/1 record has other values than in backup/);
    expect(text).toMatch(/All 1 removed.*All 1 changed.*All 2 removed or changed/);
    expect(text).toMatch(/7 moved records are left out.*would book 52\.5 hours twice/);
  });

  test('The request is bound to the versions that were shown, and the approval names the records and the fields', async () => {
    const { putBack, asked } = form([], [change(10), change(11), change(12)]);
    const [first, second] = [change(10), change(11)];
    const overwrites = [first, { ...second, seen: 'another version'.padEnd(22, 'v') }].map(({ id, seen }) => ({
      id,
      seen,
    }));
    const reply = await putBack.ask(
      { backupId: '01-a', which: 'chosen', entries: [], overwrites },
      undefined,
      requester,
    );
    expect(reply?.text).toMatch(/leaves out 1 entry that is in the table again or has changed since you chose/);
    expect(asked).toMatchObject([{ action: { entries: [], overwrites: [{ id: first.id, seen: first.seen }] } }]);
    const [{ action } = { action: undefined }] = asked;
    const { text } = approvalMessage(
      { ...flushApproval(), action: 'restore', options: JSON.stringify(action) },
      { policy: 'second-person', approvers: ['U0APPROVER'] },
    );
    expect(text).toMatch(/overwrite 1 changed record of .* with the version of backup/);
    expect(text).toMatch(/`Ada_Price 2025-09-10#PJ1 · Hours 7.5 → 4, Note b → a`/);
    expect(text).toMatch(/Fields that change: `Note` in 1 record, `Hours` in 1 record/);
  });

  test('The request can cover all changed entries, those with one changed field, or removed and changed ones', async () => {
    const { putBack, asked } = form([entry('A', 1)], [change(10), change(11, 'ProjectName')]);
    await putBack.ask({ backupId: '01-a', which: 'changed' }, undefined, requester);
    await putBack.ask({ backupId: '01-a', which: 'changed', field: 'Hours' }, undefined, requester);
    await putBack.ask({ backupId: '01-a', which: 'both' }, undefined, requester);
    await putBack.ask({ backupId: '01-a', which: 'all' }, undefined, requester);
    expect(asked.map(restored)).toEqual([
      { entries: 0, overwrites: 2 },
      { entries: 0, overwrites: 1 },
      { entries: 1, overwrites: 2 },
      { entries: 1, overwrites: undefined },
    ]);
  });

  test('Removed and changed entries together count towards what one request can restore', async () => {
    const gone = Array.from({ length: MAX_RESTORED_ROWS }, (_, at) => entry('A', at));
    const { putBack, asked } = form(gone, [change(10)]);
    expect((await putBack.ask({ backupId: '01-a', which: 'both' }, undefined, requester))?.text).toMatch(
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
