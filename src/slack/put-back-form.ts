import type { ModalView } from '@slack/types';
import type { ResultControl } from '../checklist/result-control.ts';
import { MOST_PUT_BACK } from '../checklist/table-control.ts';
import { textOf } from '../pipeline/wire-value.ts';
import { personOf } from '../rescan/diff-entry.ts';
import type { Asker } from './commands/command.ts';
import { entryName, hoursSuffix } from './messages/diff-message.ts';
import type { Message } from './messages/message.ts';
import { resultRefusalMessage } from './messages/result-refusals.ts';
import { putBackView, type Removed } from './views/put-back-view.ts';
import { lookingView, refusalView } from './views/table-views.ts';

/** The form that chooses which removed entries come back. */
export interface PutBackForm {
  open(
    triggerId: string,
    wanted: { readonly backupId?: string; readonly person?: string },
    asker: Asker,
  ): Promise<Message | undefined>;
}

const TITLE = 'Put entries back';

export function createPutBackForm(ports: {
  results: Pick<ResultControl, 'diff'>;
  openView: (triggerId: string, view: ModalView) => Promise<string>;
  updateView: (viewId: string, view: ModalView) => Promise<void>;
}): PutBackForm {
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
        // Those that no image brings back stand first.
        const handMade: Removed[] = [];
        const others: Removed[] = [];
        for await (const entry of diff.entries(['removed'])) {
          if (entry.kind !== 'removed') continue;
          if (person !== undefined && personOf(entry.item, entry.record, diff.keys.hash) !== person) continue;
          const isHandMade = textOf(entry.item.SourceImage) === undefined;
          const list = isHandMade ? handMade : others;
          if (list.length < MOST_PUT_BACK)
            list.push({
              id: entry.id,
              name: entryName(entry.key),
              about: `${entry.record}${hoursSuffix(entry.item)}`,
              isHandMade,
            });
        }
        const shown = [...handMade, ...others].slice(0, MOST_PUT_BACK);
        await ports.updateView(
          viewId,
          shown.length === 0
            ? refusalView(TITLE, [
                `Nothing ${person === undefined ? '' : 'of this person '}is gone from the table that backup ${diff.backup.id} holds.`,
              ])
            : putBackView({
                removed: shown,
                backupId: diff.backup.id,
                table: diff.backup.table.name,
                of: diff.totals.removed,
                channel,
              }),
        );
        return undefined;
      } finally {
        await diff.dispose();
      }
    },
  };
}
