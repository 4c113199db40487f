import type { NotRebuildable } from '../checklist/contracts/table-control.ts';
import type { ScopeControlPorts } from '../checklist/steps/scope-control.ts';
import { listImages } from '../pipeline/images.ts';
import { IMAGE_ATTRIBUTES, KIND_ATTRIBUTES } from '../pipeline/table/records.ts';
import { scanTable } from '../pipeline/table/scan.ts';
import { describeTable, keyNamesOf } from '../pipeline/table/table.ts';
import { createManifestStore } from '../run/plan/manifest-store.ts';
import { createPeopleIndex, type PeopleIndex } from '../run/scope/people-index.ts';
import { DAY_AND_PERSON_ATTRIBUTES } from '../run/scope/record-facts.ts';
import { findNotRebuildable, resolveScope, type ScopeSources } from '../run/scope/resolve-scope.ts';
import type { ScopeFilter } from '../run/scope/scope-filter.ts';
import { createScopeManifests, type ScopeManifests } from '../run/scope/scope-manifests.ts';
import type { BotContext } from './context.ts';

/** The scopes of the pipeline. */
export interface Scopes {
  readonly manifests: ScopeManifests;
  readonly resolve: ScopeControlPorts['resolve'];
  /** `only`: of these records; else of every record. */
  readonly people: PeopleIndex;
  readonly readNotRebuildable: (only?: ScopeFilter) => Promise<NotRebuildable>;
}

const SEGMENTS = 4;

export function assembleScopes(context: BotContext): Scopes {
  const { settings, aws, images, runStore } = context;
  const control = { bucket: settings.controlBucket, prefix: settings.controlPrefix };
  const manifests = createScopeManifests(createManifestStore(aws.s3, control, 'scopes'), settings.imageBucket);
  async function sources(): Promise<Omit<ScopeSources, 'writeManifest'>> {
    const keys = keyNamesOf(await describeTable(aws.bulkDynamodb, settings.table));
    const ofKey = keys.range === undefined ? [keys.hash] : [keys.hash, keys.range];
    const projection = [...ofKey, ...KIND_ATTRIBUTES, ...IMAGE_ATTRIBUTES, ...DAY_AND_PERSON_ATTRIBUTES];
    const { lastRunId } = await runStore.readOpen();
    return {
      bucket: settings.imageBucket,
      keys,
      rows: scanTable(aws.bulkDynamodb, settings.table, {
        segments: SEGMENTS,
        projection: [...new Set<string>(projection)],
      }),
      images: listImages(aws.s3, images),
      ...(lastRunId === undefined ? {} : { outcomes: runStore.journal(lastRunId, 0) }),
    };
  }
  async function* readPeople() {
    const keys = keyNamesOf(await describeTable(aws.bulkDynamodb, settings.table));
    const ofKey = keys.range === undefined ? [keys.hash] : [keys.hash, keys.range];
    const projection = [...new Set<string>([...ofKey, ...KIND_ATTRIBUTES, 'ResourceNameDisplay'])];
    for (const pages of scanTable(aws.bulkDynamodb, settings.table, { segments: 1, projection }))
      for await (const { items } of pages) yield { items, keys, bucket: settings.imageBucket };
  }
  return {
    manifests,
    people: createPeopleIndex({ read: readPeople, clock: context.clock, warn: context.warn }),
    resolve: async (about) => resolveScope(about, { ...(await sources()), writeManifest: manifests.write }),
    async readNotRebuildable(only) {
      const { rows, ...others } = await sources();
      return findNotRebuildable({ ...others, rows: only ? rows.map((pages) => coveredBy(only, pages)) : rows });
    },
  };
}

async function* coveredBy({ covers }: ScopeFilter, pages: ScopeSources['rows'][number]) {
  for await (const { items } of pages) yield { items: items.filter(covers) };
}
