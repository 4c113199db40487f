import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { profileSchema } from '../../../src/pipeline/profile/profile.ts';
import { readProfile, readProfileFile, readProfileText } from '../../../src/pipeline/profile/read-profile.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { readBotSettings, readSettings } from '../../../src/settings.ts';

const pathOf = (name: string) => fileURLToPath(new URL(`../../../${name}`, import.meta.url));
const INVOICES = pathOf('sandbox/aws/ocr/invoices.yml');
const text = readFileSync(INVOICES, 'utf8');
const whole: Readonly<Record<string, unknown>> = parse(text);
const problemsOf = (given: unknown) => {
  const read = readProfile(given, 'a.yml');
  return read.ok ? [] : read.refusal;
};

describe('a profile', () => {
  test('of the timesheet pipeline is allowed by the schema, and complete', () => {
    expect(profileSchema.parse(TIMESHEETS)).toEqual(TIMESHEETS);
  });

  test('of the docs is the one of the sandbox, and is read', () => {
    const [, ofDocs = ''] = /```yaml\n([\s\S]*?)```/.exec(readFileSync(pathOf('docs/profiles.md'), 'utf8')) ?? [];
    const read = readProfileText(ofDocs, 'docs');
    expect(read).toEqual(readProfileText(text, 'sandbox'));
    expect(read).toMatchObject({ ok: true, value: { name: 'invoices', person: { attribute: 'Supplier' } } });
  });

  test.each<[string, object, string]>([
    ['a missing part', { record: {} }, 'a.yml: record.image is missing. Allowed: a name.'],
    [
      'an unknown kind',
      { growth: ['entry', 'coverrage'] },
      'a.yml: growth[1] is "coverrage". Allowed: one of entry, zero-hour, rejected, coverage.',
    ],
    [
      'growth without entries',
      { growth: ['rejected'] },
      'a.yml: growth is ["rejected"]. Allowed: a list of kinds with entry.',
    ],
    [
      'failures as growth',
      { growth: ['entry', 'failed'] },
      'a.yml: growth[1] is "failed". Allowed: one of entry, zero-hour, rejected, coverage.',
    ],
    [
      'an unknown attribute of failed images',
      { failed: { names: { ImageKeys: 'Scan' } } },
      'a.yml: failed.names.ImageKeys is not known. Allowed: the names in docs/profiles.md.',
    ],
    [
      'two attributes of failed images with one name',
      { failed: { names: { ImageKey: 'ErrorCode' } } },
      'a.yml: failed is {"names":{"ImageKey":"ErrorCode"}}. Allowed: names of which no two are equal.',
    ],
    ['an unknown name', { noize: [] }, 'a.yml: noize is not known. Allowed: noise.'],
    ['an unknown name in a part', { reply: { entrys: 'n' } }, 'a.yml: reply.entrys is not known. Allowed: entries.'],
    [
      'a condition of another form',
      { kinds: [{ kind: 'coverage', when: [{ attribute: 'A', like: 'x' }] }] },
      'a.yml: kinds[0].when[0] is {"attribute":"A","like":"x"}. Allowed: `attribute` with `exists`, `is` or `startsWith`, or `key: sort` (or `partition`) with `startsWith`.',
    ],
    [
      'an expression without a group',
      { imageKey: { month: '20' } },
      'a.yml: imageKey.month is "20". Allowed: a regular expression with a group in parentheses.',
    ],
    [
      'a broken expression',
      { imageKey: { month: '(20' } },
      'a.yml: imageKey.month is "(20". Allowed: a regular expression with a group in parentheses.',
    ],
    [
      'a payload without the image',
      { invocation: { payload: { a: 1 } } },
      'a.yml: invocation.payload is {"a":1}. Allowed: JSON with the text {key} where the key of the image goes.',
    ],
    [
      'a group that no reply names',
      { reply: {}, together: ['person'] },
      'a.yml: together[0] is "person". Allowed: a place that a reply names, so reply.person is needed.',
    ],
    ['a date without a place', { date: {} }, 'a.yml: date is {}. Allowed: day, firstDay or inSortKey.'],
    [
      'a unit with markup',
      { record: { image: 'A', amount: { attribute: 'B', unit: '<!here>' } } },
      'a.yml: record.amount.unit is "<!here>". Allowed: up to 20 letters, digits or € $ £ % . -.',
    ],
  ])('with %s is refused in one line that names path, value and what is allowed', (_, change, line) => {
    expect(problemsOf({ ...whole, ...change })).toEqual([line]);
  });

  test('that is no map, no YAML or no file is refused', () => {
    expect(problemsOf('invoices')).toHaveLength(1);
    expect(readProfileText('a: [', 'a.yml')).toMatchObject({
      ok: false,
      refusal: [expect.stringMatching(/^a\.yml line \d+: this is not YAML/)],
    });
    const missing = readProfileFile('no-such.yml', () => {
      throw new Error('ENOENT');
    });
    expect(missing).toEqual({
      ok: false,
      refusal: ['PROFILE_FILE is "no-such.yml", which cannot be read: ENOENT. Allowed: a YAML file.'],
    });
  });
});

describe('the settings', () => {
  const SLACK = { SLACK_BOT_TOKEN: 'xoxb-1', SLACK_APP_TOKEN: 'xapp-1' };
  const ENVIRONMENT = { ...SLACK, SLACK_CHANNELS: 'C1234567' };
  const files = (pipelines: string) => (path: string) => (path === 'p.yml' ? pipelines : text);

  test('have the profile of PROFILE_FILE, else that of the timesheet pipeline', () => {
    expect(readSettings(ENVIRONMENT).profile).toBe(TIMESHEETS);
    expect(readSettings({ ...ENVIRONMENT, PROFILE_FILE: INVOICES }).profile.name).toBe('invoices');
    expect(() => readSettings({ ...ENVIRONMENT, PROFILE_FILE: '/no/such.yml' })).toThrow(
      /PROFILE_FILE is "\/no\/such\.yml"/,
    );
  });

  const twoPipelines = (more: string) => `
pipelines:
  prod:
    SLACK_CHANNELS: C1234567
    CONTROL_TABLE: one
    CONTROL_PREFIX: one/
  books:
    SLACK_CHANNELS: C7654321
    CONTROL_TABLE: two
    CONTROL_PREFIX: two/
    IMAGE_BUCKET: invoices
    TABLE: invoices
    OCR_FUNCTION: invoice-reader
${more}`;

  test('give each pipeline of the file its own profile, from a file or in place', () => {
    const inPlace = twoPipelines(`    profile:\n${text.replaceAll(/^(?=.)/gm, '      ')}`);
    for (const pipelines of [inPlace, twoPipelines('    PROFILE_FILE: invoices.yml\n')]) {
      const read = readBotSettings({ ...SLACK, PIPELINES_FILE: 'p.yml' }, files(pipelines));
      expect(read.pipelines.map(({ settings }) => settings.profile.name)).toEqual(['timesheets', 'invoices']);
    }
  });

  test('refuse a wrong profile of a pipeline, and two of them, with its name', () => {
    const read = (more: string) => () =>
      readBotSettings({ ...SLACK, PIPELINES_FILE: 'p.yml' }, files(twoPipelines(more)));
    expect(read('    profile: { name: books }\n')).toThrow(/p\.yml: books: profile: invocation is missing/);
    expect(read('    PROFILE_FILE: invoices.yml\n    profile: { name: books }\n')).toThrow(
      /p\.yml: books: profile: profile and PROFILE_FILE are both given/,
    );
  });
});
