import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { FaultError } from '../../pipeline/fault.ts';

/**
 * The format of the entries that this version of the bot writes to the control table. Raise it with every change of an entry that an
 * earlier version would read wrongly, and migrate the earlier format where it is read.
 *
 * | format | entries |
 * | --- | --- |
 * | 1 | have no format; names of attributes as in `previous-names.ts` or as today |
 * | 2 | names of today |
 */
export const STATE_FORMAT = 2;
/** The attribute with the format of an entry. It is used in the control table only. */
export const FORMAT_ATTRIBUTE = 'stateFormat';
/**
 * The attribute by which DynamoDB may delete an entry by itself (time to live), in epoch seconds. Only entries that
 * nobody misses have it. The template in deploy/ switches it on; without, old entries are removed by later ones.
 */
export const DELETE_AFTER = 'deleteAfter';

/** @throws FaultError when a newer version of the bot wrote the entry */
export function refuseNewerFormat(item: Readonly<Record<string, AttributeValue>>): void {
  const format = Number(item[FORMAT_ATTRIBUTE]?.N ?? 1);
  if (format <= STATE_FORMAT) return;
  throw new FaultError({
    reason: 'control-table',
    message: `A newer version of the bot wrote the entry with pk "${item.pk?.S}" and sk "${item.sk?.S}" of the control table: it has format ${format}, and this version knows the formats up to ${STATE_FORMAT}. Nothing was changed.`,
    fix: 'Run the newer version of the bot. To return to this version, restore the control table to a time before the newer one ran.',
  });
}
