import { isDeepStrictEqual } from 'node:util';
import { buttonOf, wholeText } from '../people.ts';
import type { StoredItem } from './pipeline-reader.ts';
import type { Check, TourContext } from './tour-context.ts';

const WITHIN_MS = 300_000;
const textOf = (item: StoredItem, name: string): string => String(item[name]?.S ?? '');
const keyOf = (item: StoredItem): string => `${textOf(item, 'ResourceName')} ${textOf(item, 'DateProjectCode')}`;
const isEntry = (item: StoredItem): boolean =>
  textOf(item, 'SourceImage') !== '' && textOf(item, 'ProjectCode') !== '' && Number(item.Hours?.N ?? 0) > 0;

/** A rescan of two people. One of them has an entry that was corrected by hand; it is put back afterwards. */
export async function scopedRescan(
  { people, pipeline, sees, approve, until }: TourContext,
  check: Check,
): Promise<void> {
  const before = await pipeline.records();
  const entries = before.filter(isEntry);
  const two = [...new Set(entries.map((item) => textOf(item, 'ResourceName')))].slice(0, 2);
  const images = new Set(
    before.filter((item) => two.includes(textOf(item, 'ResourceName'))).map((item) => textOf(item, 'SourceImage')),
  );
  images.delete('');
  const isOfScope = (item: StoredItem) => images.has(textOf(item, 'SourceImage'));
  const [original] = entries.filter((item) => textOf(item, 'ResourceName') === two[0]);
  if (!original) throw new Error('The table has no entry with hours.');
  const corrected = { ...original, Hours: { N: '4.25' } };
  await pipeline.correctHours(original, '4.25');
  const others = before.filter((item) => !isOfScope(item));
  // The function updates the coverage of a person with every sheet.
  const untouched = others.filter((item) => item.WeeksSubmitted === undefined);

  await people.command('operator', `/rescan scope people="${two.join(', ').replaceAll('_', ' ')}"`);
  const scope = wholeText(await sees(/This rescan covers `people/));
  const records = before.length - others.length;
  check(
    `the scope of two people is ${records} records and ${images.size} images`,
    scope.includes(`${records} records of`) && scope.includes(`, ${images.size} image`),
  );
  const latest = (await sees(/is done and verified/)).ts;
  await people.command('operator', '/rescan backup before the January rescan');
  // Its reply in the thread, which comes after the message in the channel.
  await until('the backup', async () => (await sees(/is done and verified[\s\S]*Verified: read back/)).ts > latest);
  await people.command('operator', '/rescan flush');
  const form = await people.openView('operator', /those of this scope/, WITHIN_MS);
  await people.submit('operator', form, { table_name: 'TimesheetOCR-dev' });
  await approve(new RegExp(`delete ${records} records`));
  await sees(/The flush is done: .*It left no record of the scope/);
  const flushed = await pipeline.records();
  check(
    'the flush deleted the records of the scope and no others',
    flushed.length === others.length && !flushed.some(isOfScope),
  );
  await people.command('operator', '/rescan start pace=600');
  const preview = await sees(/Rescan r-0006 would invoke/);
  await people.click('operator', preview.ts, buttonOf(preview, /plan_start/));
  await sees(new RegExp(`Rescan r-0006 is complete: ${images.size} of ${images.size}`));
  const changes = await sees(/The records of the scope, compared with backup/);
  const hours = String(original.Hours?.N);
  check(
    'the message after the run says what changed for the two people, first the hours that were corrected',
    wholeText(changes).includes(`\`4.25\` → \`${hours}\``),
  );
  await people.click('operator', changes.ts, buttonOf(changes, /diff_put_back/));
  const restore = await people.openView('operator', /restore_rows/, WITHIN_MS);
  const list = (await people.view(restore))?.blocks.find(({ block_id }) => block_id === 'changed');
  const [, value] = /"value":("(?:[^"\\]|\\.)*")/.exec(JSON.stringify(list)) ?? [];
  await people.submit('operator', restore, { changed: [JSON.parse(value ?? '""')] });
  await approve(/overwrite 1 changed record of/);
  await until('the correction', async () =>
    (await pipeline.records()).some((item) => keyOf(item) === keyOf(corrected) && item.Hours?.N === '4.25'),
  );
  const after = new Map((await pipeline.records()).map((item) => [keyOf(item), item]));
  check(
    'the correction is in the table again, exactly as it was before the rescan',
    isDeepStrictEqual(after.get(keyOf(corrected)), corrected),
  );
  check(
    `the ${untouched.length} records of the others are exactly as they were`,
    untouched.every((item) => isDeepStrictEqual(after.get(keyOf(item)), item)),
  );
}

/** A stop while no AWS service accepts the bot's credentials, and a restart of the bot. */
export async function stopWithoutCredentials(
  { people, world, sees, ask, turn, until }: TourContext,
  check: Check,
): Promise<void> {
  await turn({ latencyMs: { min: 1_500, max: 2_500 } }, 'the function is slow again');
  await people.command('operator', '/rescan start keep pace=600');
  const preview = await sees(/Rescan r-0008 would invoke/);
  await people.click('operator', preview.ts, buttonOf(preview, /plan_abandon_and_start/));
  await until('images in flight', async () => (await world.invocations()).inFlight >= 3);
  await turn({ expiredCredentials: true }, 'the credentials of the bot have expired');
  await people.command('operator', '/rescan stop');
  await sees(/The stop is stored in the file/);
  check('the stop is stored although AWS refuses every request', true);
  await people.bot('kill');
  await turn({ expiredCredentials: false, latencyMs: { min: 20, max: 80 } }, 'somebody renews the credentials');
  await until('nothing in flight', async () => (await world.invocations()).inFlight === 0);
  const atStart = (await world.invocations()).total;
  await people.bot('start');
  await sees(/Rescan r-0008\S* (?:was |is )?stopped/);
  await ask('operator', '/rescan status', /Rescan r-0008/);
  check('after the restart the run is stopped: no image was invoked', (await world.invocations()).total === atStart);
}
