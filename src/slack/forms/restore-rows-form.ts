import type { ModalView } from '@slack/types';
import type { ResultControl } from '../../checklist/contracts/result-control.ts';
import { MOST_NAMED, MOST_PUT_BACK } from '../../checklist/contracts/table-control.ts';
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
import { putBackView, type Removed, type RestoreRowsChoice } from './restore-rows-view.ts';
import type { TableForms } from './table-forms.ts';
import { lookingView, refusalView } from './table-views.ts';

/** The form that chooses which removed entries come back, and what its submission comes to. */
export interface RestoreRowsForm {
  open(
    triggerId: string,
    wanted: { readonly backupId?: string; readonly person?: string },
    requester: Requester,
  ): Promise<Message | undefined>;
  /** Looks anew what is gone, and asks for approval of exactly the entries that are chosen and gone. */
  ask(choice: RestoreRowsChoice, reason: string | undefined, requester: Requester): Promise<Message | undefined>;
}

const TITLE = 'Put entries back';
/** A select of Slack's takes no more options. */
const MOST_SHOWN = 100;

const isHandMade = ({ item }: RemovedEntry): boolean => textOf(item.SourceImage) === undefined;

export function createRestoreRowsForm(ports: {
  results: Pick<ResultControl, 'diff'>;
  openView: (triggerId: string, view: ModalView) => Promise<string>;
  updateView: (viewId: string, view: ModalView) => Promise<void>;
  askApproval: TableForms['ask'];
}): RestoreRowsForm {
  return {
    async open(triggerId, { backupId, person }, { channel }) {
      const viewId = await ports.openView(triggerId, lookingView(TITLE));
      const found = await ports.results.diff(backupId);
      if (!found.ok) {
        const { text } = resultRefusalMessage(found.refusal);
        await ports.updateView(viewId, refusalView(TITLE, text.split('\n')));
        return undefined;
      }
      const diff = found.value;
      try {
        const { shown, ...counts } = await lookAt(diff, person);
        const { openRun } = diff;
        const view =
          openRun?.state === 'running'
            ? refusalView(TITLE, [...openRunLines(openRun), 'Stop or pause it first, or wait until it is through.'])
            : shown.length === 0
              ? refusalView(TITLE, [
                  `Nothing ${person === undefined ? '' : `of ${code(person, 80)} `}is gone from the table that backup ${code(diff.backup.id, 80)} holds.`,
                ])
              : putBackView({
                  removed: shown,
                  ...counts,
                  backupId: diff.backup.id,
                  table: diff.backup.table.name,
                  channel,
                  notes: openRunLines(openRun),
                  ...(person === undefined ? {} : { person }),
                });
        await ports.updateView(viewId, view);
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
        const { ids, names, over } = await choose(diff, choice);
        if (over > 0)
          return say(
            `${count(ids.length + over)} entries are more than the ${count(MOST_PUT_BACK)} that come back at once. Nothing was done.`,
            '`/rescan diff restore person=…` takes one person’s; `/rescan restore` takes the whole backup.',
          );
        if (ids.length === 0) return say('None of them is gone any more: all are in the table. Nothing was done.');
        const back = choice.which === 'chosen' ? choice.entries.length - ids.length : 0;
        const act = { kind: 'restore', mode: 'put-back', backupId: diff.backup.id, entries: ids, names } as const;
        const told = await ports.askApproval({ ...act, entries: [...ids], names: [...names] }, reason, requester);
        if (back === 0 || !told) return told;
        return say(
          told.text,
          `${counted(back, 'entry is', 'entries are')} in the table again by now, and not asked for.`,
        );
      } finally {
        await diff.dispose();
      }
    },
  };
}

/** Those that are gone, of one person or of all: the first to choose from, those that no image brings back before others. */
async function lookAt(diff: Diff, person: string | undefined) {
  const handMade: Removed[] = [];
  const others: Removed[] = [];
  let all = 0;
  let byHand = 0;
  for await (const entry of chooseRemoved(diff, ofPerson(diff, person))) {
    all += 1;
    const hand = isHandMade(entry);
    if (hand) byHand += 1;
    const list = hand ? handMade : others;
    if (list.length >= MOST_SHOWN) continue;
    const about = `${entry.record}${hoursSuffix(entry.item)}`;
    list.push({ id: entry.id, name: entryName(entry.key), about, isHandMade: hand });
  }
  return { shown: [...handMade, ...others].slice(0, MOST_SHOWN), all, byHand };
}

const ofPerson =
  (diff: Pick<Diff, 'keys'>, person: string | undefined) =>
  ({ item, record }: RemovedEntry): boolean =>
    person === undefined || personOf(item, record, diff.keys.hash) === person;

/** Which entries a choice comes to; `over`: how many more than one act can put back. */
async function choose(diff: Diff, choice: RestoreRowsChoice) {
  const isOfPerson = ofPerson(diff, choice.person);
  const wanted = choice.which === 'chosen' ? new Set(choice.entries) : undefined;
  const isChosen = (entry: RemovedEntry) =>
    wanted ? wanted.has(entry.id) : isOfPerson(entry) && (choice.which === 'all' || isHandMade(entry));
  const ids: string[] = [];
  const names: string[] = [];
  let over = 0;
  for await (const entry of chooseRemoved(diff, isChosen)) {
    if (ids.length >= MOST_PUT_BACK) over += 1;
    else ids.push(entry.id);
    if (names.length < MOST_NAMED) names.push(`${entryName(entry.key)}${hoursSuffix(entry.item)}`.slice(0, 200));
  }
  return { ids, names, over };
}
