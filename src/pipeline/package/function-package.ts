import { type EnvironmentResponse, GetFunctionCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { z } from 'zod';
import { asFaultError } from '../aws.ts';
import { type DeployRefusal, DeployRefusedError } from './deploy-errors.ts';
import {
  FORMER_HANDLER,
  keyClash,
  MODULE_FILES,
  MODULE_HANDLER,
  type ModuleFacts,
  type ModuleSources,
  moduleEnvironment,
} from './failure-module.ts';
import { type PackageLocation, readNamed, sha256, storePackage } from './package-store.ts';
import {
  OUTSIDE_VERSION_FILE,
  type PackageContents,
  PackageError,
  type PackageLimits,
  readPackage,
  withFiles,
} from './package-zip.ts';

/** Lambda's limits: of a package when unpacked, of one that is sent directly, of the environment. */
const LIMITS: PackageLimits = { unpackedBytes: 250 * 1024 * 1024, files: 50_000 };
export const MOST_DIRECT_BYTES = 50 * 1024 * 1024;
const MOST_ENVIRONMENT_BYTES = 4 * 1024;
const READABLE = 0o644;

export interface PackagePorts {
  readonly lambda: LambdaClient;
  readonly location: PackageLocation;
  readonly modules: ModuleSources;
}

/** A new version of the team's own code, to be deployed with it. */
export type GivenPackage =
  | { readonly kind: 's3'; readonly bucket: string; readonly key: string }
  | { readonly kind: 'zip'; readonly bytes: Uint8Array; readonly fileName: string };

const side = z.object({ codeSha256: z.string(), codeBytes: z.number(), handler: z.string() });
export const deployPlanSchema = z.object({
  functionName: z.string(),
  former: side.extend({
    /** What our variables held before; only those, as others may be secret. */
    environment: z.record(z.string(), z.string()),
  }),
  next: side.extend({ environment: z.record(z.string(), z.string()) }),
  /** Bytes of the new package, unpacked. */
  unpackedBytes: z.number(),
  ocrVersion: z.object({ before: z.string().exactOptional(), after: z.string().exactOptional() }),
  /** Nothing would change. */
  inPlace: z.boolean(),
  /** The name of the package that the team gave. */
  given: z.string().exactOptional(),
  /** The team's own key that the code is encrypted with: an update that does not name it would take it off. */
  codeKeyArn: z.string().exactOptional(),
});
/** Exactly what a deploy changes, foretold: it is shown, confirmed and carried out. */
export type DeployPlan = z.infer<typeof deployPlanSchema>;

/**
 * Says what a deploy would change; the function is not touched. The packages before and after are put into the control
 * bucket, so that what was shown is what is deployed, and a rollback has the former bytes.
 * @throws DeployRefusedError, FaultError
 */
export async function planDeploy(
  ports: PackagePorts,
  about: ModuleFacts & { readonly functionName: string; readonly given?: GivenPackage },
): Promise<DeployPlan> {
  const { functionName, given } = about;
  const refuse = (refusal: DeployRefusal) => new DeployRefusedError(refusal);
  const qualifier = qualifierOf(functionName);
  if (qualifier !== undefined) throw refuse({ reason: 'qualified', functionName, qualifier });
  const clash = keyClash(about.tableKeys);
  if (clash !== undefined) throw refuse({ reason: 'key-clash', attribute: clash });
  const { facts, code } = await fetchFacts(ports.lambda, functionName);
  if (facts.PackageType === 'Image') throw refuse({ reason: 'image-package' });
  if (!facts.Runtime?.startsWith('python'))
    throw refuse({ reason: 'runtime-not-python', runtime: facts.Runtime ?? 'none' });
  if (facts.SigningProfileVersionArn !== undefined) throw refuse({ reason: 'signed-code' });
  if (facts.State === 'Failed') throw refuse({ reason: 'function-failed', why: facts.StateReason ?? 'not told' });
  if (facts.LastUpdateStatus === 'InProgress') throw refuse({ reason: 'update-in-progress' });
  const variables = variablesOf(facts.Environment);

  const former = await downloadCode(facts, code);
  const codeSha256 = sha256(former);
  const base = given ? await readGiven(ports, given) : former;
  const [before, contents] = await Promise.all([readOrUndefined(former), readOrRefuse(base, nameOf(given))]);
  const handler = facts.Handler ?? '';
  const formerHandler = handler === MODULE_HANDLER ? (variables[FORMER_HANDLER] ?? '') : handler;
  await requireHandler(formerHandler, contents);

  const { next, unpackedBytes } = await withModules(base, contents, ports.modules);
  if (unpackedBytes > LIMITS.unpackedBytes)
    throw refuse({ reason: 'too-large', bytes: unpackedBytes, most: LIMITS.unpackedBytes });
  const environment = moduleEnvironment(formerHandler, about);
  requireRoom({ ...variables, ...environment });

  const nextSha = sha256(next);
  await Promise.all([storePackage(ports.location, codeSha256, former), storePackage(ports.location, nextSha, next)]);
  const versionBefore = await ocrVersion(before);
  const versionAfter = await ocrVersion(contents);
  return {
    functionName,
    former: {
      codeSha256,
      codeBytes: former.length,
      handler,
      environment: Object.fromEntries(Object.entries(variables).filter(([name]) => environment[name] !== undefined)),
    },
    next: { codeSha256: nextSha, codeBytes: next.length, handler: MODULE_HANDLER, environment },
    unpackedBytes,
    ocrVersion: {
      ...(versionBefore === undefined ? {} : { before: versionBefore }),
      ...(versionAfter === undefined ? {} : { after: versionAfter }),
    },
    inPlace:
      nextSha === codeSha256 &&
      handler === MODULE_HANDLER &&
      Object.entries(environment).every(([name, value]) => variables[name] === value),
    ...(given ? { given: nameOf(given) } : {}),
    ...(code.SourceKMSKeyArn === undefined ? {} : { codeKeyArn: code.SourceKMSKeyArn }),
  };
}

/** What a rollback finds: the code that the bot deployed, or other code of the team's, which stays where it is. */
export interface RollbackView {
  /** The other code's hash. */
  readonly keeps?: string;
  readonly ocrVersion?: string;
}

/**
 * Looks at the function before a rollback is shown. Code that somebody deployed since is not to be thrown away: it is kept, if
 * the former handler can be found in it.
 * @throws DeployRefusedError, FaultError
 */
export async function lookBeforeRollback(
  { lambda }: Pick<PackagePorts, 'lambda'>,
  { functionName, former, next }: DeployPlan,
): Promise<RollbackView> {
  const { facts, code } = await fetchFacts(lambda, functionName);
  const { CodeSha256: found = '' } = facts;
  if (found === next.codeSha256 || found === former.codeSha256) return {};
  const contents = await readOrRefuse(await downloadCode(facts, code), nameOf(undefined));
  await requireHandler(former.handler, contents);
  const version = await ocrVersion(contents);
  return { keeps: found, ...(version === undefined ? {} : { ocrVersion: version }) };
}

async function fetchFacts(lambda: LambdaClient, functionName: string) {
  const answer = await lambda.send(new GetFunctionCommand({ FunctionName: functionName })).catch((error: unknown) => {
    throw asFaultError(error, { service: 'lambda', action: 'lambda:GetFunction', resource: functionName });
  });
  const { Configuration: facts = {}, Code: code = {} } = answer;
  return { facts, code };
}

/** `prod` of `name:prod` and of an ARN: a published version, or what points at one. */
function qualifierOf(functionName: string): string | undefined {
  const [, qualifier] = /^(?:.*\bfunction:)?[^:]+:([^:]+)$/.exec(functionName) ?? [];
  return qualifier;
}

/**
 * The function's variables. Lambda leaves them out where the bot may not decrypt them: an update would then wipe them all.
 * @throws DeployRefusedError
 */
export function variablesOf(environment: EnvironmentResponse | undefined): Record<string, string> {
  if (environment?.Error !== undefined)
    throw new DeployRefusedError({
      reason: 'environment-unreadable',
      why: [environment.Error.ErrorCode, environment.Error.Message].filter(Boolean).join(': ') || 'not told',
    });
  return environment?.Variables ?? {};
}

/** @throws DeployRefusedError where the variables would be more than Lambda takes: its own refusal would print them all. */
export function requireRoom(variables: Record<string, string>): void {
  const size = Buffer.byteLength(JSON.stringify(variables));
  if (size > MOST_ENVIRONMENT_BYTES)
    throw new DeployRefusedError({ reason: 'environment-too-large', bytes: size, most: MOST_ENVIRONMENT_BYTES });
}

/** The package with our modules in it, byte for byte itself where they stand there already. */
async function withModules(base: Uint8Array, contents: PackageContents, modules: ModuleSources) {
  const files = MODULE_FILES.map((path) => ({
    path,
    content: new TextEncoder().encode(modules[path]),
    mode: READABLE,
  }));
  let unpackedBytes = contents.unpackedBytes;
  let areThere = true;
  for (const { path, content } of files) {
    areThere &&= (await contents.text(path)) === modules[path];
    const former = contents.entries.find((entry) => entry.path === path)?.size ?? 0;
    unpackedBytes += content.length - former;
  }
  return { next: areThere ? base : await withFiles(base, files), unpackedBytes };
}

const readOrRefuse = (zip: Uint8Array, name: string): Promise<PackageContents> =>
  readPackage(zip, LIMITS).catch((error: unknown) => {
    if (!(error instanceof PackageError)) throw error;
    throw new DeployRefusedError({ reason: 'package-unreadable', name, problem: error.problem });
  });

/** The package that runs. @throws DeployRefusedError */
async function downloadCode(
  { CodeSha256: expected = '' }: { CodeSha256?: string | undefined },
  { Location }: { Location?: string | undefined },
): Promise<Uint8Array> {
  if (Location === undefined) throw new DeployRefusedError({ reason: 'no-package' });
  const reply = await fetch(Location, { signal: AbortSignal.timeout(120_000) });
  if (!reply.ok) throw new DeployRefusedError({ reason: 'package-not-given', status: reply.status });
  const bytes = new Uint8Array(await reply.arrayBuffer());
  const found = sha256(bytes);
  if (found !== expected) throw new DeployRefusedError({ reason: 'changed-since-preview', expected, found });
  return bytes;
}

async function readGiven({ location }: PackagePorts, given: GivenPackage): Promise<Uint8Array> {
  if (given.kind === 'zip') return given.bytes;
  const bytes = await readNamed(location.s3, given, LIMITS.unpackedBytes);
  if (!bytes) throw new DeployRefusedError({ reason: 'given-not-found', name: nameOf(given) });
  return bytes;
}

const nameOf = (given: GivenPackage | undefined): string =>
  given === undefined
    ? 'the package of the function'
    : given.kind === 'zip'
      ? given.fileName
      : `s3://${given.bucket}/${given.key}`;

const readOrUndefined = (zip: Uint8Array): Promise<PackageContents | undefined> =>
  readPackage(zip, LIMITS).catch((error: unknown) => {
    // Only its version is shown: what runs today may be any package.
    if (error instanceof PackageError) return undefined;
    throw error;
  });

/** `2.6.1` of the line `VERSION=2.6.1` in OCR_VERSION.txt; undefined where the package does not say. */
async function ocrVersion(contents: PackageContents | undefined): Promise<string | undefined> {
  const text = (await contents?.text('OCR_VERSION.txt')) ?? (await contents?.text(OUTSIDE_VERSION_FILE));
  return text === undefined ? undefined : /^VERSION=(.+)$/m.exec(text)?.[1]?.trim();
}

/**
 * That the handler can be found: its module is a file of the package, its name stands in it (or all of another module is
 * imported there), and it is not our own, which would call itself. @throws DeployRefusedError
 */
async function requireHandler(handler: string, contents: PackageContents): Promise<void> {
  const at = handler.lastIndexOf('.');
  const module = handler.slice(0, at).replaceAll('.', '/');
  const name = handler.slice(at + 1);
  const path = [`${module}.py`, `${module}/__init__.py`].find((candidate) => contents.has(candidate));
  const text = at < 1 || path === undefined || handler === MODULE_HANDLER ? undefined : await contents.text(path);
  if (text === undefined || !/^[\p{L}\p{N}_]+$/u.test(name) || !namesIt(text, name))
    throw new DeployRefusedError({ reason: 'handler-not-found', handler });
}

const namesIt = (source: string, name: string): boolean =>
  new RegExp(`(?<![\\p{L}\\p{N}_])${name}(?![\\p{L}\\p{N}_])|^from\\s.*\\simport\\s+\\*`, 'mu').test(source);
