import { z } from 'zod';
import type { FormHandler } from './form.ts';
import type { TableForms } from './table-forms.ts';
import { FIELD, KEEP, loadingView, readCarriedAction, readChannel } from './table-views.ts';

const elementSchema = z.looseObject({
  value: z.string().nullish(),
  selected_option: z.looseObject({ value: z.string() }).nullish(),
  selected_options: z.array(z.looseObject({ value: z.string() })).nullish(),
});
const valuesSchema = z.record(z.string(), z.record(z.string(), elementSchema));

/** The text of a field, or the value of its chosen option. */
export function fieldOf(values: unknown, name: string): string {
  const element = valuesSchema.safeParse(values).data?.[name]?.[name];
  return (element?.value ?? element?.selected_option?.value ?? element?.selected_options?.[0]?.value ?? '').trim();
}

/** The submission of a flush or restore: the name of the table must be typed exactly; then approval is asked for. */
export const confirmAction = (forms: Pick<TableForms, 'ask' | 'askToKeep'>): FormHandler => ({
  role: 'operator',
  read({ privateMetadata, values }) {
    const carried = readCarriedAction(privateMetadata);
    if (!carried) return;
    const { action, table, channel } = carried;
    if (fieldOf(values, FIELD.tableName) !== table)
      return {
        kind: 'errors',
        errors: { [FIELD.tableName]: `Type exactly ${table}.` },
      };
    const reason = fieldOf(values, FIELD.reason);
    const given = reason === '' ? undefined : reason;
    const keeps = fieldOf(values, FIELD.keep) === KEEP;
    return {
      kind: 'execute',
      channel,
      execute: (requester) =>
        keeps && action.kind === 'flush'
          ? forms.askToKeep(action, given, requester)
          : forms.ask(action, given, requester),
    };
  },
});

/** The first form of a restore; the same modal then shows what would change. */
export const chooseRestore = (forms: Pick<TableForms, 'showRestore'>): FormHandler => ({
  role: 'operator',
  read({ privateMetadata, values, viewId }) {
    const channel = readChannel(privateMetadata);
    if (channel === undefined) return;
    const backupId = fieldOf(values, FIELD.backup);
    const mode = fieldOf(values, FIELD.mode) === 'replace' ? 'replace' : 'merge';
    if (backupId === '') return { kind: 'errors', errors: { [FIELD.backup]: 'Choose a backup.' } };
    return {
      kind: 'next',
      view: loadingView('Restore a backup'),
      channel,
      execute: (requester) => forms.showRestore(viewId, { backupId, mode }, requester),
    };
  },
});
