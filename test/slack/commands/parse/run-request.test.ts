import { describe, expect, test } from 'vitest';
import { splitArguments } from '../../../../src/slack/commands/parse/options.ts';
import { readStartText } from '../../../../src/slack/commands/parse/run-request.ts';

const fixed = (perMinute: number) => ({ kind: 'fixed' as const, perMinute });

describe('what people type after /rescan start', () => {
  test.each([
    ['', { selection: {} }],
    ['prefix=a/b limit=50', { selection: { prefix: 'a/b', limit: 50 } }],
    ['LIMIT=50', { selection: { limit: 50 } }],
    ['prefix="my folder/"', { selection: { prefix: 'my folder/' } }],
    ['prefix=“my folder/” sample=20', { selection: { prefix: 'my folder/', sample: 20 } }],
    ["prefix='it=1 & <b>'", { selection: { prefix: 'it=1 & <b>' } }],
    ['prefix=Zoë/ü%20+', { selection: { prefix: 'Zoë/ü%20+' } }],
    ['sample=20 seed=0', { selection: { sample: 20, seed: 0 } }],
    ['pace=auto', { selection: {}, paceSetting: { kind: 'auto' } }],
    ['pace=60', { selection: {}, paceSetting: fixed(60) }],
    ['batch=20 delay=30s', { selection: {}, paceSetting: fixed(40) }],
    ['engine=step-functions limit=5', { selection: { limit: 5 }, engine: 'step-functions' }],
    ['Engine=“Step Functions”', { selection: {}, engine: 'step-functions' }],
    ['engine=local', { selection: {}, engine: 'local' }],
    ['delay=30s  batch=20   limit=5', { selection: { limit: 5 }, paceSetting: fixed(40) }],
  ])('%j is understood', (line, value) => {
    expect(readStartText(line)).toEqual({ ok: true, value });
  });

  test.each([
    ['prefixx=a', 'Unknown option `prefixx=`. Did you mean `prefix=`?'],
    ['colour=red', /^Unknown option `colour=`\. Options: `keep`, `prefix=`, /],
    ['everything', /^Unknown argument `everything`\. Options: `keep`, `prefix=`/],
    ['limit=5 limit=6', '`limit=` is given twice.'],
    ['limit=', '`limit=` has no value.'],
    ['limit=0', '`limit=0` is not from 1 to 1,000,000,000.'],
    ['limit=1.5', '`limit=1.5` is not a whole number.'],
    ['limit=1e3', '`limit=1e3` is not a whole number.'],
    ['limit=-1', '`limit=-1` is not from 1 to 1,000,000,000.'],
    ['sample=99999999999999999999', /`sample=9{20}` is not from 1 to 1,000,000,000/],
    ['seed=7', '`seed=` works only with `sample=`.'],
    ['pace=0', /lowest pace is 1 image a minute/],
    ['pace=fast', /`fast` is not a valid pace/],
    ['pace=<!channel>', /`&lt;!channel&gt;` is not a valid pace/],
    ['pace=60 batch=20 delay=30s', 'Give either `pace=` or `batch=` and `delay=`, not both.'],
    ['batch=20', /`delay=` is missing/],
    ['engine=lambda', /^`engine=lambda` is no engine\. Engines: `local` .*`step-functions`/],
    ['prefix="my folder', 'A quote is not closed: `"my folder`.'],
    [`prefix=${'x'.repeat(1_025)}`, '`prefix=` is longer than a key in S3 can be (1,024 bytes).'],
    ['limit 5', /^Write `limit=5` \(with an equals sign\)\./],
    ['prefix "my folder/" keep', /^Write `prefix="?my folder\/"?` \(with an equals sign\)\./],
    ['KEEP Limit', /^Write `limit=VALUE` \(with an equals sign\)\./],
    ['limit=x sample=y', /limit.*\n.*sample/],
  ])('%j is refused with the reason', (line, why) => {
    const read = readStartText(line);
    if (read.ok) throw new Error('understood');
    if (typeof why === 'string') expect(read.line).toBe(why);
    else expect(read.line).toMatch(why);
  });

  test('a line is split at spaces outside of quotes', () => {
    expect(splitArguments('  a  b="c d"e "f g"\n')).toEqual({ ok: true, value: ['a', 'b=c de', 'f g'] });
    expect(splitArguments("prefix=o'brien/")).toEqual({ ok: true, value: ["prefix=o'brien/"] });
  });
});
