import { type EnvironmentResponse, GetFunctionCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { z } from 'zod';
import { defined } from '../../lib/defined.ts';
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
import { compareFiles, fileChangesSchema, listNames, namesSchema } from './package-files.ts';
import { type PackageLocation, readNamed, sha256, storePackage } from './package-store.ts';
import {
  type AddedFile,
  type PackageContents,
  PackageError,
  type PackageLimits,
  readPackage,
  withFiles,
} from './package-zip.ts';

/** Lambda's limits: for an unpacked package, for a package in the request, for the environment. */
const LIMITS: PackageLimits = { unpackedBytes: 250 * 1024 * 1024, files: 50_000 };
export const MAX_DIRECT_BYTES = 50 * 1024 * 1024;
const MAX_ENVIRONMENT_BYTES = 4 * 1024;
const READABLE = 0o644;

export interface PackagePorts {
  readonly lambda: LambdaClient;
  readonly location: PackageLocation;
  readonly modules: ModuleSources;
}

/** A new version of the team's code, to be deployed together with failure logging. */
export type GivenPackage =
  | { readonly kind: 's3'; readonly bucket: string; readonly key: string }
  | { readonly kind: 'zip'; readonly bytes: Uint8Array; readonly fileName: string };

const side = z.object({ codeSha256: z.string(), codeBytes: z.number(), handler: z.string() });
export const deployPlanSchema = z.object({
  functionName: z.string(),
  former: side.extend({
    /** Our variables before the deploy. Other variables may be secret and are not included. */
    environment: z.record(z.string(), z.string()),
  }),
  next: side.extend({ environment: z.record(z.string(), z.string()) }),
  /** The size of the new package, unpacked. */
  unpackedBytes: z.number(),
  ocrVersion: z.object({ before: z.string().exactOptional(), after: z.string().exactOptional() }),
  /** The deploy would change nothing. */
  inPlace: z.boolean(),
  /** The name of the given package. */
  given: z.string().exactOptional(),
  /** SHA-256 of the given package in hex, as `sha256sum` prints it. */
  givenSha256: z.string().exactOptional(),
  /** How the files of the new package differ from those of the running one; absent when that cannot be read. */
  files: fileChangesSchema.exactOptional(),
  /** The names of entries that lead outside of the package and are taken without the leading `../`. */
  fromOutside: namesSchema.exactOptional(),
  /** The team's key that encrypts the code. An update that does not name it would remove it. */
  codeKeyArn: z.string().exactOptional(),
});
/** Exactly what a deploy changes: it is shown, confirmed and carried out. */
export type DeployPlan = z.infer<typeof deployPlanSchema>;

/**
 * Plans a deploy without changing the function. The packages before and after are stored in the control bucket, so that
 * exactly what was shown is deployed, and a rollback has the former package.
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
  const clash = keyClash(about);
  if (clash !== undefined) throw refuse({ reason: 'key-clash', attribute: clash });
  const { facts, code } = await fetchFacts(ports.lambda, functionName);
  if (facts.PackageType === 'Image') throw refuse({ reason: 'image-package' });
  if (!facts.Runtime?.startsWith('python'))
    throw refuse({ reason: 'runtime-not-python', runtime: facts.Runtime ?? 'none' });
  if (facts.SigningProfileVersionArn !== undefined) throw refuse({ reason: 'signed-code' });
  if (facts.State === 'Failed') throw refuse({ reason: 'function-failed', why: facts.StateReason ?? 'unknown' });
  if (facts.LastUpdateStatus === 'InProgress') throw refuse({ reason: 'update-in-progress' });
  const variables = variablesOf(facts.Environment);

  const former = await downloadCode(facts, code);
  const codeSha256 = sha256(former);
  const base = given ? await readGiven(ports, given) : former;
  const [before, contents] = await Promise.all([readOrUndefined(former), readOrRefuse(base, nameOf(given))]);
  const handler = facts.Handler ?? '';
  const formerHandler = handler === MODULE_HANDLER ? (variables[FORMER_HANDLER] ?? '') : handler;
  await requireHandler(formerHandler, contents);

  const { next, outside } = await withModules(base, contents, ports.modules);
  // Read with a limit above Lambda's, so that our own files are not called unreadable when they exceed it.
  const nextContents = await readPackage(next, { ...LIMITS, unpackedBytes: 2 * LIMITS.unpackedBytes });
  const { unpackedBytes } = nextContents;
  if (unpackedBytes > LIMITS.unpackedBytes)
    throw refuse({ reason: 'too-large', bytes: unpackedBytes, most: LIMITS.unpackedBytes });
  const environment = moduleEnvironment(formerHandler, about);
  requireEnvironmentFits({ ...variables, ...environment });

  const nextSha = sha256(next);
  await Promise.all([storePackage(ports.location, codeSha256, former), storePackage(ports.location, nextSha, next)]);
  const versionBefore = await versionIn(before, about.versionFile);
  const versionAfter = await versionIn(contents, about.versionFile);
  return defined({
    functionName,
    former: {
      codeSha256,
      codeBytes: former.length,
      handler,
      environment: Object.fromEntries(Object.entries(variables).filter(([name]) => environment[name] !== undefined)),
    },
    next: { codeSha256: nextSha, codeBytes: next.length, handler: MODULE_HANDLER, environment },
    unpackedBytes,
    ocrVersion: defined({ before: versionBefore, after: versionAfter }),
    inPlace:
      nextSha === codeSha256 &&
      handler === MODULE_HANDLER &&
      Object.entries(environment).every(([name, value]) => variables[name] === value),
    given: given && nameOf(given),
    givenSha256: given && Buffer.from(sha256(base), 'base64').toString('hex'),
    files: before && compareFiles(before, nextContents),
    fromOutside: outside.length === 0 ? undefined : listNames(outside),
    codeKeyArn: code.SourceKMSKeyArn,
  });
}

/** Whether a deploy brings code that is not the running one: our handler around that needs no second person. */
export const bringsCode = ({ given, givenSha256, former }: DeployPlan): boolean =>
  given !== undefined && givenSha256 !== Buffer.from(former.codeSha256, 'base64').toString('hex');

/** What a rollback would keep: nothing, or other code that the team deployed since. */
export interface RollbackView {
  /** The hash of the other code. */
  readonly keeps?: string;
  readonly ocrVersion?: string;
}

/**
 * Reads the function before a rollback is shown. Code that somebody deployed since is kept, if it contains the former
 * handler.
 * @throws DeployRefusedError, FaultError
 */
export async function previewRollback(
  { lambda, versionFile }: Pick<PackagePorts, 'lambda'> & Pick<ModuleFacts, 'versionFile'>,
  { functionName, former, next }: DeployPlan,
): Promise<RollbackView> {
  const { facts, code } = await fetchFacts(lambda, functionName);
  const { CodeSha256: found = '' } = facts;
  if (found === next.codeSha256 || found === former.codeSha256) return {};
  const contents = await readOrRefuse(await downloadCode(facts, code), nameOf(undefined));
  await requireHandler(former.handler, contents);
  const version = await versionIn(contents, versionFile);
  return defined({ keeps: found, ocrVersion: version });
}

/** Whether a deploy is still in effect, or somebody removed our handler by a deploy of their own. */
export type WrapperState =
  | { readonly kind: 'in-place' }
  /** `code`: the handler setting names our handler, and the package does not have it: every image fails. */
  | {
      readonly kind: 'removed';
      readonly what: 'code' | 'handler';
      readonly codeSha256: string;
      readonly handler: string;
    };

/**
 * Reads whether the function still has our handler: one call, and the package only where its hash is neither the deployed
 * one nor `known`. @throws DeployRefusedError, FaultError
 */
export async function readWrapperState(
  { lambda }: Pick<PackagePorts, 'lambda'>,
  { functionName, next }: DeployPlan,
  known: ReadonlyMap<string, boolean> = new Map(),
): Promise<WrapperState> {
  const { facts, code } = await fetchFacts(lambda, functionName);
  const { CodeSha256: codeSha256 = '', Handler: handler = '' } = facts;
  if (handler !== MODULE_HANDLER) return { kind: 'removed', what: 'handler', codeSha256, handler };
  const hasModule =
    codeSha256 === next.codeSha256 ||
    (known.get(codeSha256) ??
      (await readOrRefuse(await downloadCode(facts, code), nameOf(undefined))).has(MODULE_FILES[0]));
  return hasModule ? { kind: 'in-place' } : { kind: 'removed', what: 'code', codeSha256, handler };
}

async function fetchFacts(lambda: LambdaClient, functionName: string) {
  const answer = await lambda.send(new GetFunctionCommand({ FunctionName: functionName })).catch((error: unknown) => {
    throw asFaultError(error, { service: 'lambda', action: 'lambda:GetFunction', resource: functionName });
  });
  const { Configuration: facts = {}, Code: code = {} } = answer;
  return { facts, code };
}

/** `prod` of `name:prod` or of an ARN: a published version or an alias. */
function qualifierOf(functionName: string): string | undefined {
  const [, qualifier] = /^(?:.*\bfunction:)?[^:]+:([^:]+)$/.exec(functionName) ?? [];
  return qualifier;
}

/**
 * The variables of the function. When the bot cannot decrypt them Lambda omits them, and an update would delete them
 * all.
 * @throws DeployRefusedError
 */
export function variablesOf(environment: EnvironmentResponse | undefined): Record<string, string> {
  if (environment?.Error !== undefined)
    throw new DeployRefusedError({
      reason: 'environment-unreadable',
      why: [environment.Error.ErrorCode, environment.Error.Message].filter(Boolean).join(': ') || 'unknown',
    });
  return environment?.Variables ?? {};
}

/**
 * @throws DeployRefusedError when the variables exceed Lambda's limit, because Lambda's own refusal would print them
 * all
 */
export function requireEnvironmentFits(variables: Record<string, string>): void {
  const size = Buffer.byteLength(JSON.stringify(variables));
  if (size > MAX_ENVIRONMENT_BYTES)
    throw new DeployRefusedError({ reason: 'environment-too-large', bytes: size, most: MAX_ENVIRONMENT_BYTES });
}

/**
 * The package with our modules, and with every path inside. It is unchanged, byte for byte, when it is so already.
 * `outside`: the names that were replaced.
 */
async function withModules(base: Uint8Array, contents: PackageContents, modules: ModuleSources) {
  const files: AddedFile[] = MODULE_FILES.map((path) => ({
    path,
    content: new TextEncoder().encode(modules[path]),
    mode: READABLE,
  }));
  const areInPlace = (
    await Promise.all(MODULE_FILES.map(async (path) => (await contents.text(path)) === modules[path]))
  ).every(Boolean);
  const outside: string[] = [];
  for (const { path, mode, outsideName } of contents.entries) {
    if (outsideName === undefined) continue;
    outside.push(outsideName);
    const content = await contents.bytes(path);
    if (content && !files.some((file) => file.path === path))
      files.push({ path, content, mode: mode === 0 ? READABLE : mode & 0o7777 });
  }
  return { next: areInPlace && outside.length === 0 ? base : await withFiles(base, files, outside), outside };
}

const readOrRefuse = (zip: Uint8Array, name: string): Promise<PackageContents> =>
  readPackage(zip, LIMITS).catch((error: unknown) => {
    if (!(error instanceof PackageError)) throw error;
    throw new DeployRefusedError({ reason: 'package-unreadable', name, problem: error.problem });
  });

/** Downloads the current package. @throws DeployRefusedError */
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

/**
 * A package in S3 is read from the control bucket only: whoever may write elsewhere, for example images, must not decide
 * what runs with the role of the function.
 */
async function readGiven({ location }: PackagePorts, given: GivenPackage): Promise<Uint8Array> {
  if (given.kind === 'zip') return given.bytes;
  const { bucket } = given;
  if (bucket !== location.bucket)
    throw new DeployRefusedError({ reason: 'other-bucket', bucket, controlBucket: location.bucket });
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
    // The current package is used only to show its version, so it may be unreadable.
    if (error instanceof PackageError) return undefined;
    throw error;
  });

/** `2.6.1` of the line `VERSION=2.6.1` in this file; undefined where the package does not say. */
async function versionIn(contents: PackageContents | undefined, versionFile: string): Promise<string | undefined> {
  const text = await contents?.text(versionFile);
  return text === undefined ? undefined : /^VERSION=(.+)$/m.exec(text)?.[1]?.trim();
}

/**
 * Checks that the package contains the handler: its module is a file, which contains its name (or imports everything
 * from another module). Our own handler is refused, because it would call itself. @throws DeployRefusedError
 */
async function requireHandler(handler: string, contents: PackageContents): Promise<void> {
  const at = handler.lastIndexOf('.');
  const module = handler.slice(0, at).replaceAll('.', '/');
  const name = handler.slice(at + 1);
  const path = [`${module}.py`, `${module}/__init__.py`].find((candidate) => contents.has(candidate));
  const text = at < 1 || path === undefined || handler === MODULE_HANDLER ? undefined : await contents.text(path);
  if (text === undefined || !/^[\p{L}\p{N}_]+$/u.test(name) || !containsName(text, name))
    throw new DeployRefusedError({ reason: 'handler-not-found', handler });
}

const containsName = (source: string, name: string): boolean =>
  new RegExp(`(?<![\\p{L}\\p{N}_])${name}(?![\\p{L}\\p{N}_])|^from\\s.*\\simport\\s+\\*`, 'mu').test(source);
