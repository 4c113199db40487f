import type { NotRebuildable } from '../../checklist/contracts/table-control.ts';
import type { ScopeControlPorts } from '../../checklist/steps/scope-control.ts';
import { defined } from '../../lib/defined.ts';
import { listImages } from '../../pipeline/images.ts';
import { imageAttributes, keyAndKindAttributes } from '../../pipeline/table/records.ts';
import { scanTable } from '../../pipeline/table/scan.ts';
import { describeTable, shapeOf } from '../../pipeline/table/table.ts';
import { createManifestStore } from '../../run/plan/manifest-store.ts';
import { createPeopleIndex, type PeopleIndex } from '../../run/scope/people-index.ts';
import { dayAttributes, personAttributes } from '../../run/scope/record-facts.ts';
import { findNotRebuildable, resolveScope, type ScopeSources } from '../../run/scope/resolve-scope.ts';
import type { ScopeFilter } from '../../run/scope/scope-filter.ts';
import { createScopeManifests, type ScopeManifests } from '../../run/scope/scope-manifests.ts';
import { readKnownOutcomes } from '../../run/store/run-chain.ts';
import type { BotContext } from '../context.ts';

/** The scopes of the pipeline. */
export interface Scopes {
  readonly manifests: ScopeManifests;
  readonly resolve: ScopeControlPorts['resolve'];
  readonly people: PeopleIndex;
  /** `only`: of these records; else of every record. */
  readonly readNotRebuildable: (only?: ScopeFilter) => Promise<NotRebuildable>;
}

const SEGMENTS = 4;

export function assembleScopes(context: BotContext): Scopes {
  const { settings, profile, aws, images, runStore } = context;
  const control = { bucket: settings.controlBucket, prefix: settings.controlPrefix };
  const manifests = createScopeManifests(createManifestStore(aws.s3, control, 'scopes'), settings.imageBucket);
  /** The whole table with the key, what tells the kind of a record, and these attributes. */
  async function scan(segments: number, attributes: readonly string[]) {
    const keys = shapeOf(await describeTable(aws.bulkDynamodb, settings.table), profile);
    const projection = [...new Set([...keyAndKindAttributes(keys), ...attributes])];
    return { keys, pages: scanTable(aws.bulkDynamodb, settings.table, { segments, projection }) };
  }
  async function sources(): Promise<Omit<ScopeSources, 'writeManifest'>> {
    const { keys, pages } = await scan(SEGMENTS, [
      ...imageAttributes(profile),
      ...personAttributes(profile),
      ...dayAttributes(profile),
    ]);
    return {
      bucket: settings.imageBucket,
      keys,
      rows: pages,
      images: listImages(aws.s3, images),
      ...defined({ outcomes: await readKnownOutcomes(runStore) }),
    };
  }
  async function* readPeople() {
    const { keys, pages } = await scan(1, personAttributes(profile));
    for (const segment of pages)
      for await (const { items } of segment) yield { items, keys, bucket: settings.imageBucket };
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
