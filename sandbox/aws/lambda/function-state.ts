import { randomUUID } from 'node:crypto';
import type { World } from '../world.ts';
import { type FunctionPackage, firstPackage } from './function-package.ts';

export const ACCOUNT = '016164185850';

/** One state of the function: what runs, and how. */
export interface FunctionRevision {
  /** `$LATEST`, or the number of a published version. */
  readonly version: string;
  readonly handler: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
  readonly memorySizeMb: number;
  readonly description: string;
  readonly content: FunctionPackage;
  readonly revisionId: string;
  readonly lastModified: string;
}

export type FunctionChange = Partial<
  Pick<FunctionRevision, 'handler' | 'environment' | 'timeoutSeconds' | 'memorySizeMb' | 'description' | 'content'>
>;

/** What is deployed, and what of it runs: an update is in force when it is done. */
export interface FunctionState {
  latest(): FunctionRevision;
  /** What an invocation runs: the last update that has succeeded. */
  running(): FunctionRevision;
  /** $LATEST, or the published version of that number. */
  revision(qualifier: string | undefined): FunctionRevision | undefined;
  versions(): readonly FunctionRevision[];
  updateStatus(): 'Successful' | 'InProgress' | 'Failed';
  /** Begins an update. */
  change(change: FunctionChange): FunctionRevision;
  /** The new version; the last one where nothing has changed since. */
  publish(description: string | undefined): FunctionRevision;
  /** A package that was ever deployed, by the hex digits of its sha256. */
  packageOf(sha256Hex: string): FunctionPackage | undefined;
  arn(qualifier?: string): string;
  reset(): void;
}

export function createFunctionState(ports: {
  readonly functionName: string;
  readonly table: string;
  readonly world: () => World;
}): FunctionState {
  const first = firstPackage();
  const begin = (): FunctionRevision => ({
    version: '$LATEST',
    handler: 'lambda_function.lambda_handler',
    environment: { DYNAMODB_TABLE: ports.table, MODEL_ID: 'us.amazon.nova-lite-v1:0' },
    timeoutSeconds: 300,
    memorySizeMb: 1024,
    description: '',
    content: first,
    revisionId: randomUUID(),
    lastModified: lambdaTime(new Date()),
  });
  let latest = begin();
  let running = latest;
  let update: { readonly doneAt: number; readonly fails: boolean } | undefined;
  let versions: FunctionRevision[] = [];
  const packages = new Map<string, FunctionPackage>();
  const keep = (content: FunctionPackage) => packages.set(hexOf(content), content);
  keep(first);

  function updateStatus(): 'Successful' | 'InProgress' | 'Failed' {
    if (!update) return 'Successful';
    if (Date.now() < update.doneAt) return 'InProgress';
    if (update.fails) return 'Failed';
    update = undefined;
    running = latest;
    return 'Successful';
  }
  return {
    latest: () => latest,
    running() {
      updateStatus();
      return running;
    },
    revision: (qualifier = '$LATEST') =>
      qualifier === '$LATEST' ? latest : versions.find(({ version }) => version === qualifier),
    versions: () => versions,
    updateStatus,
    change(change) {
      updateStatus();
      const { updateMs, updateFails } = ports.world();
      if (change.content) keep(change.content);
      latest = { ...latest, ...change, revisionId: randomUUID(), lastModified: lambdaTime(new Date()) };
      update = { doneAt: Date.now() + updateMs, fails: updateFails };
      return latest;
    },
    publish(description) {
      const last = versions.at(-1);
      if (last && sameFunction(last, latest)) return last;
      const version = String(versions.length + 1);
      const published = {
        ...latest,
        version,
        description: description ?? latest.description,
        revisionId: randomUUID(),
        lastModified: lambdaTime(new Date()),
      };
      versions = [...versions, published];
      return published;
    },
    packageOf: (sha256Hex) => packages.get(sha256Hex),
    arn: (qualifier) =>
      `arn:aws:lambda:us-east-1:${ACCOUNT}:function:${ports.functionName}${qualifier === undefined ? '' : `:${qualifier}`}`,
    reset() {
      latest = begin();
      running = latest;
      update = undefined;
      versions = [];
      packages.clear();
      keep(first);
    },
  };
}

/** The hex digits of a package's sha256. */
export const hexOf = (content: FunctionPackage): string => Buffer.from(content.sha256, 'base64').toString('hex');

/** As Lambda writes LastModified: `2025-11-21T09:30:00.000+0000`. */
const lambdaTime = (at: Date): string => at.toISOString().replace('Z', '+0000');

function sameFunction(one: FunctionRevision, other: FunctionRevision): boolean {
  const facts = ({ handler, environment, timeoutSeconds, memorySizeMb, content }: FunctionRevision) =>
    JSON.stringify([handler, Object.entries(environment).sort(), timeoutSeconds, memorySizeMb, content.sha256]);
  return facts(one) === facts(other);
}
