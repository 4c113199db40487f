import { defined } from '../../lib/defined.ts';
import type { RecordShape } from '../../pipeline/table/records.ts';
import { coversEverything, describeScope } from '../../run/scope/scope.ts';
import type { ScopeFilter } from '../../run/scope/scope-filter.ts';
import type { ScopeManifests } from '../../run/scope/scope-manifests.ts';
import type { RunRecord } from '../../run/store/run-store.ts';
import type { FlushOnRecord } from './reference-backup.ts';

/** The scope of a run or a flush. `what`: its criteria, as text. */
export interface ResultScope {
  readonly id: string;
  readonly what?: string;
}

/**
 * What the last flush and run covered; undefined: everything. A flush of a later checklist, whose run has not started, counts in place
 * of the run.
 */
export function lastScope(root: RunRecord | undefined, flush: FlushOnRecord | undefined): ResultScope | undefined {
  if (root && (!flush || flush.isOfRun)) return root.plan.selection.scope;
  const scope = flush?.scope;
  return scope && !coversEverything(scope.criteria) ? { id: scope.id, what: describeScope(scope.criteria) } : undefined;
}

/** Calls `work` with the filter of a scope, and frees it afterwards. Without a scope there is no filter. */
export async function withScope<T>(
  scope: ResultScope | undefined,
  { scopes, keys }: { readonly scopes: Pick<ScopeManifests, 'filterById'>; readonly keys: RecordShape },
  work: (about: { readonly covers?: ScopeFilter['covers'] }) => Promise<T>,
): Promise<T> {
  const filter = scope && (await scopes.filterById(scope.id, keys));
  try {
    return await work(defined({ covers: filter?.covers }));
  } finally {
    await filter?.dispose();
  }
}
