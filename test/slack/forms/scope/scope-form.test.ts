import { expect, test } from 'vitest';
import type { ScopeRequest } from '../../../../src/run/scope/scope.ts';
import { FileDownloadError } from '../../../../src/slack/client/file-download.ts';
import { chooseScope, createScopeForm } from '../../../../src/slack/forms/scope/scope-form.ts';
import { personOption, scopeView } from '../../../../src/slack/forms/scope/scope-view.ts';
import { scopeFound } from '../../../support/messages/checklist-builders.ts';

/** Submits the form; returns the errors at its fields, or what was asked of the scope and answered. */
async function submitted(values: object, content: string | Error = '') {
  const asked: ScopeRequest[] = [];
  const form = createScopeForm({
    scope: {
      current: async () => undefined,
      lacks: [],
      findPeople: async () => [],
      async set(request) {
        asked.push(request);
        return { ok: true, value: scopeFound() };
      },
      clear: async () => ({ ok: false, refusal: { reason: 'no-scope' } }),
    },
    openView: async () => 'V1',
    updateView: async () => {},
    async download() {
      if (content instanceof Error) throw content;
      return new TextEncoder().encode(content);
    },
  });
  const read = chooseScope(form).read({
    viewId: 'V1',
    privateMetadata: scopeView('C1', undefined).private_metadata ?? '',
    values,
  });
  if (read?.kind === 'errors') return { errors: read.errors, asked };
  if (read?.kind !== 'execute') throw new Error('The submission was not read.');
  expect(read.channel).toBe('C1');
  const answer = await read.execute({ person: 'U0OPERATOR', channel: 'C1', reply: async () => {} });
  return { asked, answer: answer?.text };
}
const people = (...names: string[]) => ({
  scope_people: { scope_people: { selected_options: names.map((value) => ({ value })) } },
});
const day = (field: string, selected_date: string | null) => ({ [field]: { [field]: { selected_date } } });
const file = (size = 10) => ({
  scope_file: { scope_file: { files: [{ name: 'x.csv', size, url_private_download: 'https://slack.com/x' }] } },
});

test('a submission sets exactly what was filled in', async () => {
  const { asked } = await submitted({
    ...people('Ana_Bel', 'Bob_Ray'),
    ...day('scope_from', '2025-09-01'),
    ...day('scope_to', null),
    ...day('scope_changed_since', '2025-11-20'),
    scope_failed: { scope_failed: { selected_options: [{ value: 'failed' }] } },
    scope_images: { scope_images: { value: ' a, b.png \n\nc.png\nc.png' } },
  });
  expect(asked).toEqual([
    {
      people: ['Ana_Bel', 'Bob_Ray'],
      from: '2025-09-01',
      changedSince: '2025-11-20',
      failed: true,
      images: ['a, b.png', 'c.png'],
    },
  ]);
});

test('an empty form and days in the wrong order are refused at the field, and nothing is set', async () => {
  const empty = { ...people(), ...day('scope_from', null), scope_images: { scope_images: { value: null } } };
  expect(await submitted(empty)).toEqual({ asked: [], errors: { scope_people: 'Choose people, days or images.' } });
  const wrong = { ...day('scope_from', '2025-09-02'), ...day('scope_to', '2025-09-01') };
  expect(await submitted(wrong)).toMatchObject({ asked: [], errors: { scope_to: expect.any(String) } });
});

test('the images of an uploaded CSV are its ImageKey column, together with those that were typed', async () => {
  const csv = 'ImageKey,FailureType\n"a,1.png",OCR_ERROR\nb.png,OCR_ERROR\n';
  const { asked } = await submitted({ ...file(), scope_images: { scope_images: { value: 'b.png' } } }, csv);
  expect(asked).toEqual([{ images: ['b.png', 'a,1.png'] }]);
});

test.each<[string, number, string | Error, RegExp]>([
  ['is too large', 11 * 1024 * 1024, 'a.png', /`x.csv` is larger than 10 MB/],
  ['names no image', 10, 'ImageKey\n', /`x.csv` names no image/],
  [
    'names too many images',
    10,
    Array.from({ length: 100_001 }, (_, at) => `${at}.png`).join('\n'),
    /more than 100,000/,
  ],
  ['is not delivered', 10, new FileDownloadError(403), /was not delivered by Slack \(HTTP 403\)/],
])('a file that %s sets no scope', async (_, size, content, answer) => {
  const done = await submitted(file(size), content);
  expect(done.asked).toEqual([]);
  expect(done.answer).toMatch(answer);
});

test('the form is filled in from the scope that the rescan has, and a name that Slack cannot hold is left out', () => {
  const view = JSON.stringify(
    scopeView('C1', { people: ['Ana_Bel', 'x'.repeat(151)], from: '2025-09-01', failed: true }),
  );
  expect(view).toContain('"initial_options":[{"text":{"type":"plain_text","text":"Ana Bel"},"value":"Ana_Bel"}]');
  expect(view).toContain('"initial_date":"2025-09-01"');
  expect(view).toContain('"initial_options":[{"text":{"type":"plain_text","text":"Only images that failed"}');
  expect(personOption({ name: 'x'.repeat(151) })).toBeUndefined();
});
