import { createHash } from 'node:crypto';
import { createLineSorter, visitGroups, visitLines } from '../../lib/disk/external-sort.ts';
import { createLineFile, readJsonLines } from '../../lib/disk/lines.ts';
import type { ListedImage } from '../../pipeline/images.ts';
import type { Profile } from '../../pipeline/profile/profile.ts';
import { normalisePerson } from '../../pipeline/table/image-rows.ts';
import type { OutcomeRecord } from '../model/types.ts';

/** An image as a manifest lists it. */
export interface PlannedImage extends ListedImage {
  /** Images with the same number hold the same person and week, as far as is known: they are not processed at the same moment. */
  readonly group?: number;
}

const DAY = /\d{4}-\d{2}-\d{2}/;
const [IMAGE, OUTCOME] = ['i', 'o'];
const ORDER_DIGITS = 12;
const ordered = (order: number): string => String(order).padStart(ORDER_DIGITS, '0');

/** A number for what the reply names of these, such as the person and the first day; undefined where it does not name all. */
function groupOf({ outcome }: Pick<OutcomeRecord, 'outcome'>, together: Profile['together']): number | undefined {
  if (outcome.kind !== 'processed') return;
  const { resourceName, dateRange = '' } = outcome;
  const parts = together.map((place) =>
    place === 'person' ? resourceName && normalisePerson(resourceName) : DAY.exec(dateRange)?.[0],
  );
  if (parts.some((part) => part === undefined)) return;
  return createHash('sha256').update(parts.join(' ')).digest().readUInt32BE();
}

/**
 * The images in their order, but those that hold the same as an earlier one (`together`: the same person and week) come after all
 * others, so that they are far from it. The function looks for the rows of a week, deletes them and stores new ones: two images of one
 * week at the same moment would double it. What an image holds is known from the outcomes of earlier runs, the oldest first: the newest
 * one counts. Takes the same memory for any number.
 * @throws what the sources throw; the file system's error.
 */
export async function* separateNeighbours(
  images: AsyncIterable<ListedImage>,
  outcomes: AsyncIterable<{ readonly records: readonly Pick<OutcomeRecord, 'key' | 'outcome'>[] }>,
  together: Profile['together'],
): AsyncGenerator<PlannedImage> {
  if (together.length === 0) return yield* images;
  const byKey = createLineSorter();
  const byGroup = createLineSorter();
  const inOrder = createLineSorter();
  const result = createLineFile();
  try {
    let order = 0;
    for await (const { key, size } of images) {
      byKey.add(`${JSON.stringify(key)}\t${IMAGE}${ordered(order)}${size}`);
      order += 1;
      if (order % 500 === 0) await byKey.flushIfLarge();
    }
    let known = 0;
    for await (const { records } of outcomes) {
      for (const record of records) {
        const group = groupOf(record, together);
        if (group === undefined) continue;
        byKey.add(`${JSON.stringify(record.key)}\t${OUTCOME}${ordered(known)}${group}`);
        known += 1;
      }
      await byKey.flushIfLarge();
    }
    const place = (rank: number, at: string, image: PlannedImage) =>
      inOrder.add(`"${ordered(rank)}${at}"\t${JSON.stringify(image)}`);
    await visitGroups(
      byKey.sorted(),
      (keyJson, values) => {
        const image = values.find((value) => value[0] === IMAGE);
        if (image === undefined) return;
        const at = image.slice(1, 1 + ORDER_DIGITS);
        const listed = { key: JSON.parse(keyJson), size: Number(image.slice(1 + ORDER_DIGITS)) };
        const group = values.findLast((value) => value[0] === OUTCOME)?.slice(1 + ORDER_DIGITS);
        if (group === undefined) place(0, at, listed);
        else byGroup.add(`"${group}"\t${at}${JSON.stringify(listed)}`);
      },
      async () => {
        await byGroup.flushIfLarge();
        await inOrder.flushIfLarge();
      },
    );
    await visitGroups(
      byGroup.sorted(),
      (groupJson, members) => {
        const group = members.length > 1 ? { group: Number(JSON.parse(groupJson)) } : {};
        for (const [rank, member] of members.entries())
          place(rank, member.slice(0, ORDER_DIGITS), { ...JSON.parse(member.slice(ORDER_DIGITS)), ...group });
      },
      inOrder.flushIfLarge,
    );
    await visitLines(inOrder.sorted(), (_, image) => result.add(image), result.flushIfLarge);
    yield* readJsonLines<PlannedImage>(result);
  } finally {
    await Promise.all([byKey, byGroup, inOrder, result].map((each) => each.dispose()));
  }
}
