import { randomUUID } from 'node:crypto';
import type { World } from '../world.ts';
import { type FunctionPackage, firstPackage } from './function-package.ts';

export const ACCOUNT = '016164185850';

/** One revision of the function: its code and its configuration. */
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

/** The deployed revision, and the revision that runs. An update takes effect when it is complete. */
export interface FunctionState {
  latest(): FunctionRevision;
  /** The revision that an invocation runs: the last successful update. */
  running(): FunctionRevision;
  /** $LATEST, or the published version with that number. */
  revision(qualifier: string | undefined): FunctionRevision | undefined;
  versions(): readonly FunctionRevision[];
  updateStatus(): 'Successful' | 'InProgress' | 'Failed';
  /** Starts an update. */
  change(change: FunctionChange): FunctionRevision;
  /** Publishes a new version, or returns the last one when nothing has changed since. */
  publish(description: string | undefined): FunctionRevision;
  /** A package that was deployed at any time, by the hex digits of its SHA-256. */
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

/** The hex digits of a package's SHA-256. */
export const hexOf = (content: FunctionPackage): string => Buffer.from(content.sha256, 'base64').toString('hex');

/** The format of Lambda's LastModified: `2025-11-21T09:30:00.000+0000`. */
const lambdaTime = (at: Date): string => at.toISOString().replace('Z', '+0000');

function sameFunction(one: FunctionRevision, other: FunctionRevision): boolean {
  const facts = ({ handler, environment, timeoutSeconds, memorySizeMb, content }: FunctionRevision) =>
    JSON.stringify([handler, Object.entries(environment).sort(), timeoutSeconds, memorySizeMb, content.sha256]);
  return facts(one) === facts(other);
}
