import type { Approval } from '../../approvals/approval.ts';
import type { ReadProgress } from '../../backup/compare/compare.ts';
import type { ScopeControl } from '../../checklist/contracts/scope-control.ts';
import type { TableAction } from '../../checklist/contracts/table-action.ts';
import type { TableControl } from '../../checklist/contracts/table-control.ts';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { referenceTo } from '../../run/scope/scope.ts';
import type { Chat } from '../client/chat.ts';
import type { Requester } from '../commands/command.ts';
import type { ApproverCheck } from '../intake/approver-check.ts';
import { scopeRefusalMessage } from '../messages/checklist/scope-message.ts';
import { type Message, say } from '../messages/kit/message.ts';
import type { WhoApproves } from '../messages/table/approval-message.ts';
import { tableRefusalLines, tableRefusalMessage } from '../messages/table/table-refusals.ts';
import { showApproval } from '../requests/show-approval.ts';
import type { ModalView } from './change-plan-view.ts';
import { fillForm } from './fill-form.ts';
import { chooseRestoreView, flushView, loadingView, readingLine, refusalView, restoreView } from './table-views.ts';

export interface TableFormsPorts {
  readonly tables: TableControl;
  readonly scope: Pick<ScopeControl, 'current' | 'set' | 'clear'>;
  readonly chat: Pick<Chat, 'post' | 'edit'>;
  /** Opens a modal with a trigger that is at most three seconds old; returns the id of the view. */
  readonly openView: (triggerId: string, view: ModalView) => Promise<string>;
  readonly updateView: (viewId: string, view: ModalView) => Promise<void>;
  readonly clock: Pick<Clock, 'now'>;
  readonly whoApproves: WhoApproves;
  /** What a person may decide, looked up now. */
  readonly checkApprover: (person: string) => Promise<ApproverCheck>;
}

/** The forms of flush and restore: they open at once, are filled when the facts are read, and end in a request for approval. */
export interface TableForms {
  openFlush(
    triggerId: string,
    wanted: { failedOnly: boolean; recreate?: boolean; backupId?: string },
    requester: Requester,
  ): Promise<Message | undefined>;
  openRestore(triggerId: string, wanted: { backupId?: string }, requester: Requester): Promise<Message | undefined>;
  showRestore(
    viewId: string,
    wanted: { backupId: string; mode: 'merge' | 'replace' },
    requester: Requester,
  ): Promise<Message | undefined>;
  ask(action: TableAction, reason: string | undefined, requester: Requester): Promise<Message | undefined>;
  /** The same for a flush that keeps the records that the rescan cannot build again: they are left out of its scope. */
  askToKeep(
    action: Extract<TableAction, { kind: 'flush' }>,
    reason: string | undefined,
    requester: Requester,
  ): Promise<Message | undefined>;
}

/** `views.update` may be called about a hundred times a minute in a workspace. */
const SHOW_EVERY_MS = 3_000;

export function createTableForms(ports: TableFormsPorts): TableForms {
  const { tables } = ports;

  /** Opens a modal at once, because a trigger expires after three seconds, and fills it when `fill` has read the facts. */
  async function open(
    triggerId: string,
    title: string,
    requester: Requester,
    fill: () => Promise<ModalView>,
  ): Promise<undefined> {
    const viewId = await ports.openView(triggerId, loadingView(title));
    return fillForm({ viewId, title }, fill, ports.updateView, requester);
  }

  /** Shows in an open modal how much was read, one edit at a time; what comes between two edits is left out. */
  function showReading(viewId: string, title: string) {
    let shownAt = ports.clock.now();
    let showing: Promise<void> | undefined;
    return {
      note(progress: ReadProgress): void {
        const now = ports.clock.now();
        if (showing || now - shownAt < SHOW_EVERY_MS) return;
        shownAt = now;
        showing = ports
          .updateView(viewId, loadingView(title, readingLine(progress)))
          // What the modal shows at the end says what is wrong with it.
          .catch(() => {})
          .finally(() => {
            showing = undefined;
          });
      },
      /** The form must not be replaced by an edit that is under way. */
      shown: async () => showing,
    };
  }

  return {
    openFlush(triggerId, wanted, requester) {
      const title = wanted.recreate ? 'Recreate the table' : 'Flush the table';
      return open(triggerId, title, requester, async () => {
        const plan = await tables.planFlush(wanted);
        return plan.ok ? flushView(plan.value, requester.channel) : refusalView(title, tableRefusalLines(plan.refusal));
      });
    },
    openRestore: (triggerId, { backupId }, requester) =>
      open(triggerId, 'Restore a backup', requester, async () => {
        const records = await tables.backups();
        if (!records.ok) return refusalView('Restore a backup', tableRefusalLines(records.refusal));
        if (records.value.length === 0)
          return refusalView('Restore a backup', ['There is no backup yet.', '`/rescan backup` makes one.']);
        return chooseRestoreView(records.value, requester.channel, backupId);
      }),
    showRestore(viewId, wanted, requester) {
      const title = 'Restore a backup';
      const reading = showReading(viewId, title);
      const read = async () => {
        const plan = await tables.planRestore({ ...wanted, onProgress: reading.note });
        await reading.shown();
        return plan.ok
          ? restoreView(plan.value, requester.channel)
          : refusalView(title, tableRefusalLines(plan.refusal));
      };
      return fillForm({ viewId, title }, read, ports.updateView, requester);
    },
    ask,
    async askToKeep(action, reason, requester) {
      const { person } = requester;
      // The form was filled for a rescan of everything: a scope that somebody set meanwhile stays.
      const now = await ports.scope.current();
      if (now) return tableRefusalMessage({ reason: 'scope-changed', now: now.id });
      const set = await ports.scope.set({}, person);
      if (!set.ok) return scopeRefusalMessage(set.refusal);
      const asked = await request({ ...action, scope: referenceTo(set.value) }, reason, requester);
      if (asked.ok) return shown(asked.value, requester);
      await ports.scope.clear(person);
      return tableRefusalMessage(asked.refusal);
    },
  };

  async function ask(action: TableAction, reason: string | undefined, requester: Requester) {
    const asked = await request(action, reason, requester);
    return asked.ok ? shown(asked.value, requester) : tableRefusalMessage(asked.refusal);
  }

  function request(action: TableAction, reason: string | undefined, { person, channel }: Requester) {
    return tables.request({ action, by: person, channel, ...defined({ reason }) });
  }

  async function shown(asked: Approval, requester: Requester): Promise<Message | undefined> {
    requester.noteOutcome?.(`asked: approval ${asked.id} of a ${asked.action}`);
    const refused = await showApproval(asked, ports);
    if (refused) return tableRefusalMessage(refused);
    return ports.whoApproves.policy === 'self'
      ? undefined
      : say('The request for approval is in the channel. The work starts as soon as an approver approves it.');
  }
}
