import type { ResultRefusal } from '../../../checklist/contracts/result-control.ts';
import { code } from '../kit/escape.ts';
import { count, counted } from '../kit/format.ts';
import { asRefusal, type Message, say } from '../kit/message.ts';
import { tableRefusalMessage } from '../table/table-refusals.ts';
import { lookAlikeLines } from './look-alikes.ts';
import { profileLacksLines } from './profile-lacks.ts';
import { startRefusalMessage } from './start-refusals.ts';

/** Why a question about the results of a rescan cannot be answered. Nothing was done. */
export const resultRefusalMessage = (refusal: ResultRefusal): Message => asRefusal(describeResultRefusal(refusal));

function describeResultRefusal(refusal: ResultRefusal): Message {
  switch (refusal.reason) {
    case 'no-run':
      return say('No run was ever started, so there are no results.', 'Plan one with `/rescan start`.');
    case 'unknown-run':
      return say(
        `There is no started run ${code(refusal.runId, 60)}.`,
        'See the last run with `/rescan status`, earlier ones with `/rescan history`.',
      );
    case 'nothing-failed':
      return say('Nothing to retry: no image is failed.');
    case 'none-chosen':
      return say(
        `Nothing to retry: none of the ${counted(refusal.failedImages, 'failed image')} matches.`,
        `Failure types present: ${refusal.types.map((type) => code(type, 60)).join(', ')}. See them by cause with \`/rescan failures\`.`,
      );
    case 'images-gone':
      return say(
        `Nothing to retry: ${refusal.images === 1 ? 'the matching failed image is' : `the ${count(refusal.images)} matching failed images are`} not in the bucket ${code(refusal.bucket, 80)} any more.`,
      );
    case 'nothing-unaccounted':
      return say('Nothing to retry: every image is accounted for, or is not in the bucket any more.');
    case 'nothing-to-review':
      return say('Nothing to retry: the function reported no image of the last run whose data is not valid.');
    case 'images-unknown':
      return say(
        `Nothing was planned: ${refusal.keys.length === 1 ? 'this image is' : `${count(refusal.keys.length)} of these images are`} not in the bucket ${code(refusal.bucket, 80)}: ${refusal.keys
          .slice(0, 5)
          .map((key) => code(key, 150))
          .join(', ')}.`,
        'Type the exact key; put a key with spaces in quotes.',
      );
    case 'look-alikes':
      return say(...lookAlikeLines(refusal));
    case 'profile-lacks':
      return say(...profileLacksLines(refusal));
    case 'no-such-person':
      return say(
        `${code(refusal.person, 100)} has no entries, neither in the table nor in the backup ${code(refusal.backupId, 80)}.`,
        'Type the name as the records have it, with spaces or as in the key: `Ana Bel` or `Ana_Bel`.',
      );
    case 'start':
      return startRefusalMessage(refusal.refusal, undefined);
    case 'table':
      return tableRefusalMessage(refusal.refusal);
  }
}
