import type { ResultRefusal } from '../../../checklist/contracts/result-control.ts';
import { code } from '../kit/escape.ts';
import { count, counted } from '../kit/format.ts';
import { type Message, say } from '../kit/message.ts';
import { tableRefusalMessage } from '../table/table-refusals.ts';
import { startRefusalMessage } from './start-refusals.ts';

/** Why something about what came of a rescan cannot be told. Nothing was done. */
export function resultRefusalMessage(refusal: ResultRefusal): Message {
  switch (refusal.reason) {
    case 'no-run':
      return say('No run was ever started here, so there is nothing to tell of one.', '`/rescan start` plans one.');
    case 'unknown-run':
      return say(
        `There is no run ${code(refusal.runId, 60)} that was started.`,
        '`/rescan status` shows the last one.',
      );
    case 'nothing-failed':
      return say('No image is failed, so there is nothing to retry. Nothing was done.');
    case 'none-chosen':
      return say(
        `None of the ${counted(refusal.failedImages, 'failed image')} is like that. Nothing was done.`,
        `They failed of ${refusal.types.map((type) => code(type, 60)).join(', ')}; \`/rescan failures\` shows them by cause.`,
      );
    case 'images-gone':
      return say(
        `${refusal.images === 1 ? 'The image that failed so is' : `The ${count(refusal.images)} images that failed so are`} not among the images of the bucket ${code(refusal.bucket, 80)} any more. Nothing was done.`,
      );
    case 'nothing-unaccounted':
      return say('Every image is accounted for by now, or is in the bucket no more. Nothing was done.');
    case 'images-unknown':
      return say(
        `${refusal.keys.length === 1 ? 'This image is' : `${count(refusal.keys.length)} of these images are`} not among the images of the bucket ${code(refusal.bucket, 80)}: ${refusal.keys
          .slice(0, 5)
          .map((key) => code(key, 150))
          .join(', ')}. Nothing was done.`,
        'Keys are taken exactly as they are; one with spaces goes in quotes.',
      );
    case 'no-such-person':
      return say(
        `Neither the table nor the backup ${code(refusal.backupId, 80)} has an entry of ${code(refusal.person, 100)}.`,
        'Names are as in the table: `Nik_Coultas`, or `Nik Coultas`.',
      );
    case 'start':
      return startRefusalMessage(refusal.refusal, undefined);
    case 'table':
      return tableRefusalMessage(refusal.refusal);
  }
}
