import type { ModalView } from '@slack/types';
import { shortBackupId } from '../../backup/format/backup-record.ts';
import type { ResultControl } from '../../checklist/contracts/result-control.ts';
import { MAX_NAMED_ROWS, MAX_RESTORED_ROWS } from '../../checklist/contracts/table-control.ts';
import { textOf } from '../../pipeline/table/item.ts';
import type { Diff, RemovedEntry } from '../../results/diff/diff.ts';
import { chooseRemoved } from '../../results/diff/diff.ts';
import { personOf } from '../../results/diff/diff-entry.ts';
import type { Requester } from '../commands/command.ts';
import { code } from '../messages/kit/escape.ts';
import { count, counted } from '../messages/kit/format.ts';
import { type Message, say } from '../messages/kit/message.ts';
import { resultRefusalMessage } from '../messages/refusals/result-refusals.ts';
import { entryName, hoursSuffix, openRunLines } from '../messages/results/diff-message.ts';
import { formOutcome } from './fill-form.ts';
import { type Removed, type RestoreRowsChoice, restoreRowsView } from './restore-rows-view.ts';
import type { TableForms } from './table-forms.ts';
import { loadingView, refusalView } from './table-views.ts';

/** The form that chooses which removed entries to restore, and the request that its submission makes. */
export interface RestoreRowsForm {
  open(
    triggerId: string,
    wanted: { readonly backupId?: string; readonly person?: string },
    requester: Requester,
  ): Promise<Message | undefined>;
  /** Compares again, and asks for approval of exactly the chosen entries that are still missing. */
  ask(choice: RestoreRowsChoice, reason: string | undefined, requester: Requester): Promise<Message | undefined>;
}

const TITLE = 'Restore entries';
/** The most options of a Slack select menu. */
const MAX_SHOWN = 100;

const isHandMade = ({ item }: RemovedEntry): boolean => textOf(item.SourceImage) === undefined;

export function createRestoreRowsForm(ports: {
  results: Pick<ResultControl, 'diff'>;
  openView: (triggerId: string, view: ModalView) => Promise<string>;
  updateView: (viewId: string, view: ModalView) => Promise<void>;
  askApproval: TableForms['ask'];
}): RestoreRowsForm {
  return {
    async open(triggerId, { backupId, person }, { channel, noteOutcome }) {
      const viewId = await ports.openView(triggerId, loadingView(TITLE));
      const found = await ports.results.diff(backupId);
      if (!found.ok) {
        const { text } = resultRefusalMessage(found.refusal);
        const refused = refusalView(TITLE, text.split('\n'));
        await ports.updateView(viewId, refused);
        noteOutcome?.(formOutcome(refused));
        return undefined;
      }
      const diff = found.value;
      try {
        const { shown, ...counts } = await listRemoved(diff, person);
        const { openRun } = diff;
        const view =
          openRun?.state === 'running'
            ? refusalView(TITLE, [...openRunLines(openRun), 'Stop or pause it first, or wait until it ends.'])
            : shown.length === 0
              ? refusalView(TITLE, [
                  `Every record ${person === undefined ? '' : `of ${code(person, 80)} `}of backup ${code(shortBackupId(diff.backup.id), 80)} is in the table.`,
                ])
              : restoreRowsView({
                  removed: shown,
                  ...counts,
                  backupId: diff.backup.id,
                  table: diff.backup.table.name,
                  channel,
                  notes: openRunLines(openRun),
                  ...(person === undefined ? {} : { person }),
                });
        await ports.updateView(viewId, view);
        noteOutcome?.(formOutcome(view));
        return undefined;
      } finally {
        await diff.dispose();
      }
    },
    async ask(choice, reason, requester) {
      const found = await ports.results.diff(choice.backupId);
      if (!found.ok) return resultRefusalMessage(found.refusal);
      const diff = found.value;
      try {
        const { ids, names, left } = await choose(diff, choice);
        if (left > 0)
          return say(
            `${count(ids.length + left)} entries are more than one request can restore (${count(MAX_RESTORED_ROWS)}). Nothing was done.`,
            '`/rescan diff restore person=…` restores those of one person; `/rescan restore` restores the whole backup.',
          );
        if (ids.length === 0) return say('All of these entries are in the table again. Nothing was done.');
        const present = choice.which === 'chosen' ? choice.entries.length - ids.length : 0;
        const action = { kind: 'restore', mode: 'rows', backupId: diff.backup.id, entries: ids, names } as const;
        const reply = await ports.askApproval({ ...action, entries: [...ids], names: [...names] }, reason, requester);
        if (present === 0 || !reply) return reply;
        return say(
          reply.text,
          `The request leaves out ${counted(present, 'entry that is', 'entries that are')} in the table again.`,
        );
      } finally {
        await diff.dispose();
      }
    },
  };
}

/** The removed entries, of one person or of all. The first of them are listed; those that no image can rebuild come first. */
async function listRemoved(diff: Diff, person: string | undefined) {
  const handMade: Removed[] = [];
  const others: Removed[] = [];
  let all = 0;
  let byHand = 0;
  for await (const entry of chooseRemoved(diff, ofPerson(diff, person))) {
    all += 1;
    const hand = isHandMade(entry);
    if (hand) byHand += 1;
    const list = hand ? handMade : others;
    if (list.length >= MAX_SHOWN) continue;
    const about = `${entry.record}${hoursSuffix(entry.item)}`;
    list.push({ id: entry.id, name: entryName(entry.key), about, isHandMade: hand });
  }
  return { shown: [...handMade, ...others].slice(0, MAX_SHOWN), all, byHand };
}

const ofPerson =
  (diff: Pick<Diff, 'keys'>, person: string | undefined) =>
  ({ item, record }: RemovedEntry): boolean =>
    person === undefined || personOf(item, record, diff.keys.hash) === person;

/** The entries of a choice; `left`: how many there are beyond what one request can restore. */
async function choose(diff: Diff, choice: RestoreRowsChoice) {
  const isOfPerson = ofPerson(diff, choice.person);
  const wanted = choice.which === 'chosen' ? new Set(choice.entries) : undefined;
  const isChosen = (entry: RemovedEntry) =>
    wanted ? wanted.has(entry.id) : isOfPerson(entry) && (choice.which === 'all' || isHandMade(entry));
  const ids: string[] = [];
  const names: string[] = [];
  let left = 0;
  for await (const entry of chooseRemoved(diff, isChosen)) {
    if (ids.length >= MAX_RESTORED_ROWS) left += 1;
    else ids.push(entry.id);
    if (names.length < MAX_NAMED_ROWS) names.push(`${entryName(entry.key)}${hoursSuffix(entry.item)}`.slice(0, 200));
  }
  return { ids, names, left };
}
