import { describe, expect, test } from 'vitest';
import { fingerprintOf } from '../../../src/checklist/table-jobs/table-facts.ts';
import { payloadOf } from '../../../src/pipeline/invoke/ocr-function.ts';
import { readReply } from '../../../src/pipeline/invoke/read-reply.ts';
import type { Profile } from '../../../src/pipeline/profile/profile.ts';
import { RECORD_KINDS } from '../../../src/pipeline/profile/record-kinds.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { hasKind, kindOfRecord } from '../../../src/pipeline/table/records.ts';
import { createFailureGroups } from '../../../src/results/failures/failure-groups.ts';
import { runCsvColumns } from '../../../src/results/report/run-csv.ts';
import { separateNeighbours } from '../../../src/run/plan/neighbours.ts';
import { peopleOf, writtenRowsOf } from '../../../src/run/proof/row-proof.ts';
import { factsOfRecord } from '../../../src/run/scope/record-facts.ts';
import { resolveScope } from '../../../src/run/scope/resolve-scope.ts';
import type { ScopeRequest } from '../../../src/run/scope/scope.ts';
import { scopeView } from '../../../src/slack/forms/scope/scope-view.ts';
import { scopeRefusalMessage } from '../../../src/slack/messages/checklist/scope-message.ts';
import { resultRefusalMessage } from '../../../src/slack/messages/refusals/result-refusals.ts';
import { diffMessage } from '../../../src/slack/messages/results/diff-message.ts';
import { correctionLines } from '../../../src/slack/messages/table/describe-table.ts';
import { INVOICES, invoice, invoiceShape } from '../../support/aws/invoices.ts';
import { diffFound } from '../../support/messages/result-builders.ts';
import { backupRecord, tableNow } from '../../support/messages/table-builders.ts';

/** The profile with nothing that may be left out. */
const { person: _person, date: _date, ...rest } = INVOICES;
const { failed } = TIMESHEETS;
const BARE: Profile = {
  ...rest,
  failed,
  reply: {},
  kinds: [],
  record: { image: 'Document' },
  imageKey: {},
  labels: {},
};
const OF = 'a partition key only';
const shape = invoiceShape(OF, BARE);
const item: Item = invoice(OF, 1);

async function* none(): AsyncGenerator<never> {}
const scopeOf = (request: ScopeRequest) =>
  resolveScope(
    { id: 's-1', by: 'U1', at: 0, request },
    {
      bucket: 'images',
      keys: shape,
      rows: [none()],
      images: none(),
      writeManifest: async () => ({ version: 1, count: 0, bytes: 0, partSize: 1, parts: [] }),
    },
  );

describe('a profile that says little', () => {
  test('refuses a scope of people or days with the reason, and no other scope for that', async () => {
    for (const [request, what] of [
      [{ people: ['Ana'] }, 'person'],
      [{ from: '2025-09-01' }, 'date'],
      [{ to: '2025-09-01' }, 'date'],
    ] as const) {
      const refusal = { reason: 'profile-lacks', what, profile: 'invoices' } as const;
      expect(await scopeOf(request)).toEqual({ ok: false, refusal });
      expect(scopeRefusalMessage(refusal).text).toMatch(
        new RegExp(
          `The scope was not set\\.\\nThe profile \`invoices\` of this pipeline does not say where a record names a ${what}`,
        ),
      );
    }
    expect(await scopeOf({ images: ['a.png'] })).toMatchObject({ ok: false, refusal: { reason: 'unknown-images' } });
  });

  test('is not asked for people or days in the form of a scope', () => {
    const fieldsOf = (lacks: Parameters<typeof scopeView>[2]) =>
      scopeView('C1', undefined, lacks).blocks.map(({ block_id }) => block_id);
    const all = fieldsOf([]);
    expect(all).toEqual(expect.arrayContaining(['scope_people', 'scope_from', 'scope_to']));
    expect(fieldsOf(['person'])).toEqual(all.filter((field) => field !== 'scope_people'));
    expect(fieldsOf(['person', 'date'])).toEqual(
      all.filter((field) => !['scope_people', 'scope_from', 'scope_to'].includes(field ?? '')),
    );
  });

  test('refuses the comparison of one person with the reason', () => {
    const { text } = resultRefusalMessage({ reason: 'profile-lacks', what: 'person', profile: 'invoices' });
    expect(text).toBe(
      'The profile `invoices` of this pipeline does not say where a record names a person, so records cannot be chosen by people.',
    );
  });

  test('knows neither person nor days of a record, and takes its rows as of any time and any person', () => {
    expect(factsOfRecord(item, shape, 'images')).toEqual({ kind: 'entry', image: '2025/invoice_1.png' });
    expect(peopleOf(item, shape)).toEqual([]);
    expect(writtenRowsOf(item, shape)).toEqual({ from: '', to: '\uffff', newestAt: 0 });
  });

  test('takes every record but the failures as an entry', () => {
    expect(kindOfRecord({ ...item, Outcome: { S: 'NOT_AN_INVOICE' } }, shape)).toBe('entry');
    expect(kindOfRecord({ ...item, RecordType: { S: 'FAILED_IMAGE' } }, shape)).toBe('failed');
    expect(RECORD_KINDS.filter((kind) => hasKind(BARE, kind))).toEqual(['entry', 'failed']);
  });

  test('keeps the images in their order and groups no failures by their key', async () => {
    const images = ['b', 'a', 'c'].map((key) => ({ key, size: 1 }));
    async function* listed() {
      yield* images;
    }
    expect(await Array.fromAsync(separateNeighbours(listed(), none(), BARE.together))).toEqual(images);
    const groups = createFailureGroups(BARE);
    for (let at = 0; at < 100; at++)
      groups.add({
        key: `Ana_${at}-2025-0${1 + (at % 2)}.png`,
        outcome: { kind: 'failed', failureType: 'OCR_ERROR', message: 'x' },
        startedAt: 0,
        durationMs: 1,
      });
    expect(groups.clusters().filter(({ by }) => by === 'name' || by === 'month')).toEqual([]);
  });

  test('leaves amounts and people out of the files and messages', () => {
    expect(runCsvColumns(BARE).map(({ name }) => name)).not.toContain('Person');
    expect(runCsvColumns(INVOICES).map(({ name }) => name)).toContain('Supplier');
    const { text } = diffMessage({ ...diffFound({ removed: 1, removedZeroHours: 1, moved: 1 }), keys: shape }, [], 0);
    expect(text).not.toMatch(/hours|Hours| h\b/);
    expect(text).toMatch(/with the same image and date/);
  });

  test('says that corrections by hand are not known without a time of writing', () => {
    const corrections = { kind: 'unknown', because: 'no-time' } as const;
    const [line] = correctionLines({ kind: 'flush', backupId: 'b', failedOnly: false, corrections });
    expect(line).toMatch(
      /not known: the profile of this pipeline names no attribute with the time at which the function wrote a record\./,
    );
  });
});

test('an approval of a flush under one profile does not hold under another, and names the profile where it is not the default one', () => {
  const action = { kind: 'flush', backupId: backupRecord().id, failedOnly: true } as const;
  const factsOf = (profile: Profile) =>
    fingerprintOf(tableNow(), backupRecord(), action, {
      codeSha256: 'x',
      checklistId: undefined,
      overridden: [],
      profile,
    });
  const profileIn = (profile: Profile) => factsOf(profile).find(({ name }) => name === 'profile')?.value;
  expect(profileIn(TIMESHEETS)).toBeUndefined();
  expect(profileIn(INVOICES)).toMatch(/^invoices \([0-9a-f]{12}\)$/);
  expect(profileIn({ ...INVOICES, record: { ...INVOICES.record, image: 'Scan' } })).not.toBe(profileIn(INVOICES));
});

describe('the names in a profile', () => {
  test('fill the payload of an invocation, also within a text', () => {
    const template = { uri: 's3://{bucket}/{key}', deep: [{ key: '{key}' }, 7, null, true] };
    expect(payloadOf(template, { bucket: 'b', key: '{bucket} $& a.png' })).toEqual({
      uri: 's3://b/{bucket} $& a.png',
      deep: [{ key: '{bucket} $& a.png' }, 7, null, true],
    });
  });

  test.each([
    [
      { lines_stored: 2, supplier: 'Acme', invoice_date: '2025-09-02' },
      { kind: 'processed', entriesStored: 2, resourceName: 'Acme', dateRange: '2025-09-02' },
    ],
    [{ entries_stored: 2, resource_name: 'Acme' }, { kind: 'processed' }],
    [
      { rejected: true, reason: 'no invoice', status: 'Draft' },
      { kind: 'rejected', reason: 'no invoice' },
    ],
  ])('decide what the reply %j says', (body, outcome) => {
    const payload = Buffer.from(JSON.stringify({ statusCode: 200, body: JSON.stringify(body) }));
    expect(readReply({ statusCode: 200, payload }, INVOICES.reply)).toEqual({ kind: 'outcome', outcome });
  });
});
