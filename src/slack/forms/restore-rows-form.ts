import type { ModalView } from '@slack/types';
import { shortBackupId } from '../../backup/format/backup-record.ts';
import type { DiffNow, ResultControl } from '../../checklist/contracts/result-control.ts';
import { MAX_NAMED_FIELDS, MAX_NAMED_ROWS, MAX_RESTORED_ROWS } from '../../checklist/contracts/table-action.ts';
import { defined } from '../../lib/defined.ts';
import { createLookAlikes, readSpelling } from '../../lib/look-alike.ts';
import { attributeOf, textOf } from '../../pipeline/table/item.ts';
import type { ChangedEntry, Diff, RemovedEntry } from '../../results/diff/diff.ts';
import { chooseChanged, chooseRemoved } from '../../results/diff/diff.ts';
import { personOfEntry } from '../../results/diff/diff-entry.ts';
import { likePerson } from '../../results/report/people.ts';
import type { Requester } from '../commands/command.ts';
import { code } from '../messages/kit/escape.ts';
import { count, counted } from '../messages/kit/format.ts';
import { type Message, refuseWith, say } from '../messages/kit/message.ts';
import { lookAlikeLines } from '../messages/refusals/look-alikes.ts';
import { profileLacksLines } from '../messages/refusals/profile-lacks.ts';
import { resultRefusalMessage } from '../messages/refusals/result-refusals.ts';
import { amountWords } from '../messages/results/amount-words.ts';
import { entryName, hoursSuffix, openRunLines, sameText, twiceText } from '../messages/results/diff-message.ts';
import { valueText } from '../messages/results/validation-message.ts';
import { fillForm } from './fill-form.ts';
import {
  type Changed,
  type Removed,
  type RestoreRowsChoice,
  type RowsListed,
  restoreRowsView,
} from './restore-rows-view.ts';
import type { TableForms } from './table-forms.ts';
import { loadingView, refusalView } from './table-views.ts';

/** The form that chooses which removed and changed entries to restore, and the request that its submission makes. */
export interface RestoreRowsForm {
  open(
    triggerId: string,
    wanted: RowsListed & { readonly backupId?: string },
    requester: Requester,
  ): Promise<Message | undefined>;
  /**
   * Compares again, and asks for approval of exactly the chosen entries that are still missing, or still have the version that was
   * shown.
   */
  ask(choice: RestoreRowsChoice, reason: string | undefined, requester: Requester): Promise<Message | undefined>;
}

const TITLE = 'Restore entries';
/** The most options of a Slack select menu. */
const MAX_SHOWN = 100;
/** Characters of the name of an entry in an approval. */
const MAX_NAME = 200;

const isHandMade = ({ item }: RemovedEntry, { profile }: Diff['keys']): boolean =>
  textOf(attributeOf(item, profile.record.image)) === undefined;

export function createRestoreRowsForm(ports: {
  results: Pick<ResultControl, 'diff'>;
  openView: (triggerId: string, view: ModalView) => Promise<string>;
  updateView: (viewId: string, view: ModalView) => Promise<void>;
  askApproval: TableForms['ask'];
}): RestoreRowsForm {
  async function viewOf(
    { backupId, ...wanted }: RowsListed & { readonly backupId?: string },
    channel: string,
  ): Promise<ModalView> {
    const found = await ports.results.diff(defined({ backupId, scopeId: wanted.scopeId }));
    if (!found.ok) return refusalView(TITLE, resultRefusalMessage(found.refusal).text.split('\n'));
    const diff = found.value;
    const { person } = wanted;
    try {
      const { profile } = diff.keys;
      if (person !== undefined && !profile.person)
        return refusalView(TITLE, profileLacksLines({ what: 'person', profile: profile.name }));
      const { openRun } = diff;
      const listsOf = async (of: RowsListed) => ({
        ...(await listRemoved(diff, of)),
        ...(await listChanged(diff, of)),
      });
      const asked = {
        ...wanted,
        ...defined({ scopeId: diff.scope?.id, person: person === undefined ? undefined : readSpelling(person) }),
      };
      let listed: RowsListed = asked;
      let lists = await listsOf(listed);
      const names =
        asked.person !== undefined && lists.all + lists.allChanged === 0 ? await likePeople(diff, asked) : [];
      if (names.length === 1) {
        listed = { ...asked, ...defined({ person: names[0] }) };
        lists = await listsOf(listed);
      }
      const view =
        openRun?.state === 'running'
          ? refusalView(TITLE, [...openRunLines(openRun), 'Stop or pause it first, or wait until it ends.'])
          : names.length > 1
            ? refusalView(TITLE, lookAlikeLines({ what: 'person', typed: asked.person ?? '', names }))
            : lists.all + lists.allChanged === 0
              ? refusalView(TITLE, [nothingLine(diff, listed)])
              : restoreRowsView({
                  ...lists,
                  backupId: diff.backup.id,
                  table: diff.backup.table.name,
                  channel,
                  notes: [...openRunLines(openRun), ...movedLines(diff), ...scopeNote(diff)],
                  listed,
                });
      return view;
    } finally {
      await diff.dispose();
    }
  }

  return {
    async open(triggerId, wanted, requester) {
      const viewId = await ports.openView(triggerId, loadingView(TITLE));
      const read = () => viewOf(wanted, requester.channel);
      return fillForm({ viewId, title: TITLE }, read, ports.updateView, requester);
    },
    async ask(choice, reason, requester) {
      const found = await ports.results.diff(defined({ backupId: choice.backupId, scopeId: choice.scopeId }));
      if (!found.ok) return resultRefusalMessage(found.refusal);
      const diff = found.value;
      try {
        const { entries, overwrites, fields, names, all } = await choose(diff, choice);
        if (all > MAX_RESTORED_ROWS)
          return refuseWith(
            `${count(all)} entries are more than one request can restore (${count(MAX_RESTORED_ROWS)}). Nothing was done.`,
            '`/rescan diff restore person=… field=…` restores those of one person or with one changed field; `/rescan restore` restores the whole backup.',
          );
        if (all === 0)
          return refuseWith(
            'All of these entries are in the table again, or have changed since you chose them. Nothing was done.',
          );
        const wanted = choice.which === 'chosen' ? choice.entries.length + choice.overwrites.length : all;
        const action = {
          kind: 'restore' as const,
          mode: 'rows' as const,
          backupId: diff.backup.id,
          entries,
          ...(overwrites.length > 0 && { overwrites, fields }),
          names,
        };
        const reply = await ports.askApproval(action, reason, requester);
        if (wanted === all || !reply) return reply;
        return say(
          reply.text,
          `The request leaves out ${counted(wanted - all, 'entry that is in the table again or has', 'entries that are in the table again or have')} changed since you chose.`,
        );
      } finally {
        await diff.dispose();
      }
    },
  };
}

function nothingLine({ backup }: Diff, { person, field }: RowsListed): string {
  const whose = person === undefined ? '' : `of ${code(person, 80)} `;
  const inBackup = `backup ${code(shortBackupId(backup.id), 80)}`;
  return field === undefined
    ? `Every record ${whose}of ${inBackup} is in the table, as the backup has it.`
    : `No record ${whose}has another ${code(field, 60)} than in ${inBackup}.`;
}

/** The people with removed or changed entries whose names look like the one that was asked for. */
async function likePeople(diff: Diff, { person = '' }: RowsListed): Promise<readonly string[]> {
  const found = createLookAlikes(person, likePerson);
  for await (const entry of diff.entries(['removed', 'changed'])) {
    const name = personOfEntry(entry, diff.keys);
    if (name !== undefined) found.offer(name);
  }
  return found.names();
}

const scopeNote = ({ scope }: Pick<DiffNow, 'scope'>): readonly string[] =>
  scope ? ['Only records of the scope of the rescan are listed.'] : [];

/** Moved records are neither removed nor changed. */
function movedLines({ keys, totals: { moved, movedHours } }: Pick<Diff, 'keys' | 'totals'>): readonly string[] {
  if (moved === 0) return [];
  const amount = amountWords(keys.profile);
  const same = sameText(amount).replace(/^the /, '');
  return [
    `${counted(moved, 'moved record is', 'moved records are')} left out (${same} under another key). ${twiceText(moved, movedHours, amount)}`,
  ];
}

/** The removed entries. The first of them are listed; those that no image can rebuild come first. */
async function listRemoved(diff: Diff, listed: RowsListed) {
  const handMade: Removed[] = [];
  const others: Removed[] = [];
  let all = 0;
  let byHand = 0;
  for await (const entry of chooseRemoved(diff, isListed(diff, listed))) {
    all += 1;
    const hand = isHandMade(entry, diff.keys);
    if (hand) byHand += 1;
    const list = hand ? handMade : others;
    if (list.length >= MAX_SHOWN) continue;
    const about = `${entry.record}${hoursSuffix(entry.item, diff.keys.profile)}`;
    list.push({ id: entry.id, name: entryName(entry.key), about, isHandMade: hand });
  }
  return { removed: [...handMade, ...others].slice(0, MAX_SHOWN), all, byHand };
}

/** The changed entries, of which the first are listed. */
async function listChanged(diff: Diff, listed: RowsListed) {
  const changed: Changed[] = [];
  let allChanged = 0;
  for await (const entry of chooseChanged(diff, isListed(diff, listed))) {
    allChanged += 1;
    if (changed.length >= MAX_SHOWN) continue;
    changed.push({
      id: entry.id,
      seen: entry.seen,
      name: entryName(entry.key),
      about: describeFields(entry, listed, diff.keys),
    });
  }
  return { changed, allChanged };
}

/** `Hours 7.5 → 4, Note (none) → x`: what the table has, and what the backup has. The field that was asked for comes first. */
function describeFields({ fields }: ChangedEntry, { field }: RowsListed, { profile }: Diff['keys']): string {
  const first = field ?? profile.record.amount?.attribute;
  return [...fields]
    .sort((a, b) => Number(b.name === first) - Number(a.name === first))
    .map(({ name, before, after }) => `${name} ${valueText(after)} → ${valueText(before)}`)
    .join(', ');
}

/** Whether the form lists an entry. A removed one has no changed field. */
const isListed =
  (diff: Pick<Diff, 'keys'>, { person, field }: RowsListed) =>
  (entry: RemovedEntry | ChangedEntry): boolean =>
    (person === undefined || personOfEntry(entry, diff.keys) === person) &&
    (field === undefined || ('fields' in entry && entry.fields.some(({ name }) => name === field)));

/** The entries of a choice, as far as one request can restore them; `all`: how many there are. */
async function choose(diff: Diff, choice: RestoreRowsChoice) {
  const isOfList = isListed(diff, choice);
  const chosen = choice.which === 'chosen' ? choice : undefined;
  const wantedIds = new Set(chosen?.entries);
  const wantedVersions = new Map(chosen?.overwrites.map(({ id, seen }) => [id, seen]));
  const entries: string[] = [];
  const overwrites: { id: string; seen: string }[] = [];
  const byField = new Map<string, number>();
  const names: string[] = [];
  let all = 0;
  const name = (text: string) => {
    all += 1;
    if (names.length < MAX_NAMED_ROWS) names.push(text.slice(0, MAX_NAME));
  };
  const isChosenChanged = (entry: ChangedEntry) =>
    chosen
      ? wantedVersions.get(entry.id) === entry.seen
      : isOfList(entry) && (choice.which === 'changed' || choice.which === 'both');
  for await (const entry of chooseChanged(diff, isChosenChanged)) {
    name(`${entryName(entry.key)} · ${describeFields(entry, choice, diff.keys)}`);
    if (all > MAX_RESTORED_ROWS) continue;
    overwrites.push({ id: entry.id, seen: entry.seen });
    for (const field of entry.fields) byField.set(field.name, (byField.get(field.name) ?? 0) + 1);
  }
  const isChosenRemoved = (entry: RemovedEntry) =>
    chosen
      ? wantedIds.has(entry.id)
      : isOfList(entry) && choice.which !== 'changed' && (choice.which !== 'by-hand' || isHandMade(entry, diff.keys));
  for await (const entry of chooseRemoved(diff, isChosenRemoved)) {
    name(`${entryName(entry.key)}${hoursSuffix(entry.item, diff.keys.profile)}`);
    if (all <= MAX_RESTORED_ROWS) entries.push(entry.id);
  }
  const fields = [...byField]
    .map(([field, records]) => ({ name: field.slice(0, MAX_NAME), records }))
    .sort((a, b) => b.records - a.records)
    .slice(0, MAX_NAMED_FIELDS);
  return { entries, overwrites, fields, names, all };
}
