import {
  GetFunctionConfigurationCommand,
  type GetFunctionConfigurationCommandOutput,
  InvalidParameterValueException,
  type LambdaClient,
  LambdaServiceException,
  PreconditionFailedException,
  PublishVersionCommand,
  ResourceConflictException,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import type { Clock } from '../../lib/clock.ts';
import { redact } from '../../lib/redact.ts';
import { asFaultError } from '../aws.ts';
import { FaultError } from '../fault.ts';
import { DeployRefusedError } from './deploy-errors.ts';
import { type DeployPlan, MOST_DIRECT_BYTES, requireRoom, variablesOf } from './function-package.ts';
import { type PackageLocation, packageKey, readStored } from './package-store.ts';

export interface UpdatePorts {
  readonly lambda: LambdaClient;
  readonly location: PackageLocation;
  readonly clock: Clock;
  /** The right to the pipeline was lost: nothing further is changed. */
  readonly signal?: AbortSignal;
}

/** What a deploy or a rollback came to. Versions are Lambda's numbers. */
export interface Deployed {
  readonly codeSha256: string;
  /** All of it was in place: nothing was done. */
  readonly unchanged?: true;
  /** A rollback left code that somebody had deployed since. */
  readonly keptCode?: true;
  readonly versionBefore?: string;
  readonly versionAfter?: string;
}

export type DeployStage = 'publishing-before' | 'code' | 'configuration' | 'publishing-after';

const LOOK_EVERY_MS = 500;
const WAIT_MOST_MS = 180_000;

/**
 * Deploys what was planned: the version that runs is published, then the code, then handler and environment, then the new
 * version is published. Each stage looks at what stands there first, so that after a crash the same call ends in the same
 * state. At every moment the function has a handler that works: the new code still holds the old handler's module.
 * Nothing is done where all of it is in place.
 * @throws DeployRefusedError, FaultError
 */
export async function carryOutDeploy(
  ports: UpdatePorts,
  plan: DeployPlan,
  onStage: (stage: DeployStage) => void,
): Promise<Deployed> {
  const { former, next, functionName } = plan;
  const now = await settled(ports, functionName);
  const isFormer = now.CodeSha256 === former.codeSha256;
  if (!isFormer) requireCode(now, next.codeSha256, former.codeSha256);
  requireHandler(now, [former.handler, next.handler]);
  const wanted = (variables: Record<string, string>) => ({ ...variables, ...next.environment });
  const variables = variablesOf(now.Environment);
  // Before the code is changed: what cannot be ended is not begun.
  requireRoom(wanted(variables));
  if (plan.inPlace && now.Handler === next.handler && isSame(variables, wanted(variables)))
    return { codeSha256: next.codeSha256, unchanged: true };
  let versionBefore: string | undefined;
  if (isFormer) {
    onStage('publishing-before');
    versionBefore = await publish(ports, functionName, former.codeSha256, 'before rescan-bot’s failure logging');
  }
  if (now.CodeSha256 !== next.codeSha256) {
    onStage('code');
    await updateCode(ports, plan, former.codeSha256, next);
  }
  onStage('configuration');
  await configure(ports, plan, next.codeSha256, next.handler, wanted);
  onStage('publishing-after');
  const versionAfter = await publish(ports, functionName, next.codeSha256, 'with rescan-bot’s failure logging');
  return {
    codeSha256: next.codeSha256,
    ...(versionBefore === undefined ? {} : { versionBefore }),
    ...(versionAfter === undefined ? {} : { versionAfter }),
  };
}

/**
 * Brings back code, handler and our variables exactly as they were before a deploy; variables that people added since stay.
 * Handler first, then code: the former handler works with both. With `keeps`, the hash of code that somebody deployed since,
 * that code stays, and only handler and variables go back. Repeatable after a crash.
 * @throws DeployRefusedError where other code or another handler stands there, or the former package is gone; FaultError
 */
export async function carryOutRollback(
  ports: UpdatePorts,
  plan: DeployPlan,
  onStage: (stage: DeployStage) => void,
  keeps?: string,
): Promise<Deployed> {
  const { former, next, functionName } = plan;
  // Before anything changes: without the former bytes there is no way back.
  if (keeps === undefined) await readStored(ports.location, former.codeSha256);
  const now = await settled(ports, functionName);
  if (keeps !== undefined) requireCode(now, keeps);
  else if (now.CodeSha256 !== former.codeSha256) requireCode(now, next.codeSha256);
  requireHandler(now, [next.handler, former.handler]);
  onStage('configuration');
  await configure(ports, plan, now.CodeSha256 ?? '', former.handler, (variables) => {
    const kept = Object.entries(variables).filter(([name]) => next.environment[name] === undefined);
    return { ...Object.fromEntries(kept), ...former.environment };
  });
  const codeSha256 = keeps ?? former.codeSha256;
  if (now.CodeSha256 !== codeSha256) {
    onStage('code');
    await updateCode(ports, plan, next.codeSha256, former);
  }
  onStage('publishing-after');
  const versionAfter = await publish(ports, functionName, codeSha256, 'rolled back by rescan-bot');
  return {
    codeSha256,
    ...(keeps === undefined ? {} : { keptCode: true }),
    ...(versionAfter === undefined ? {} : { versionAfter }),
  };
}

async function updateCode(
  ports: UpdatePorts,
  { functionName, codeKeyArn }: DeployPlan,
  fromSha256: string,
  to: { readonly codeSha256: string; readonly codeBytes: number },
): Promise<void> {
  const { lambda, location } = ports;
  const bytes = await readStored(location, to.codeSha256);
  // Asked again: publishing a version may have given the function another revision.
  const now = await settled(ports, functionName);
  requireCode(now, fromSha256);
  const source =
    to.codeBytes > MOST_DIRECT_BYTES
      ? { S3Bucket: location.bucket, S3Key: packageKey(location, to.codeSha256) }
      : { ZipFile: bytes };
  // What an update does not name may fall back to a default.
  const same = {
    ...(now.Architectures === undefined ? {} : { Architectures: now.Architectures }),
    ...(codeKeyArn === undefined ? {} : { SourceKMSKeyArn: codeKeyArn }),
  };
  const command = { FunctionName: functionName, ...source, ...same, ...revisionOf(now) };
  ports.signal?.throwIfAborted();
  await changing('lambda:UpdateFunctionCode', functionName, fromSha256, () =>
    lambda.send(new UpdateFunctionCodeCommand(command)).then(() => undefined),
  ).catch(unlessDone(ports, functionName, (found) => found.CodeSha256 === to.codeSha256));
  requireCode(await settled(ports, functionName, 'mine'), to.codeSha256);
}

/** Sets handler and variables on exactly this code: on other code the handler might not be found. */
async function configure(
  ports: UpdatePorts,
  { functionName, former, next }: DeployPlan,
  codeSha256: string,
  handler: string,
  change: (variables: Record<string, string>) => Record<string, string>,
): Promise<void> {
  const now = await settled(ports, functionName);
  requireCode(now, codeSha256);
  requireHandler(now, [former.handler, next.handler]);
  const variables = variablesOf(now.Environment);
  const wanted = change(variables);
  if (now.Handler === handler && isSame(variables, wanted)) return;
  requireRoom(wanted);
  const command = { FunctionName: functionName, Handler: handler, Environment: { Variables: wanted } };
  ports.signal?.throwIfAborted();
  await changing('lambda:UpdateFunctionConfiguration', functionName, now.Handler ?? '', () =>
    ports.lambda.send(new UpdateFunctionConfigurationCommand({ ...command, ...revisionOf(now) })).then(() => undefined),
  ).catch(
    unlessDone(
      ports,
      functionName,
      (found) => found.Handler === handler && isSame(variablesOf(found.Environment), wanted),
    ),
  );
  await settled(ports, functionName, 'mine');
}

/** A change whose answer was lost is made again by the SDK, and then refused for what it did itself. */
const unlessDone =
  (
    ports: UpdatePorts,
    functionName: string,
    isDone: (found: GetFunctionConfigurationCommandOutput) => boolean,
  ): ((error: unknown) => Promise<void>) =>
  async (error) => {
    const reason = error instanceof DeployRefusedError ? error.refusal.reason : undefined;
    const isClash = reason === 'changed-since-preview' || reason === 'update-in-progress';
    if (!isClash || !isDone(await settled(ports, functionName))) throw error;
  };

const revisionOf = ({ RevisionId }: GetFunctionConfigurationCommandOutput) =>
  RevisionId === undefined ? {} : { RevisionId };

/** @throws DeployRefusedError where other code stands there. `shown`: the hash that a person was shown, if it is another. */
function requireCode({ CodeSha256 }: GetFunctionConfigurationCommandOutput, expected: string, shown = expected): void {
  if (CodeSha256 !== expected) throw changed(shown, CodeSha256);
}

function requireHandler({ Handler }: GetFunctionConfigurationCommandOutput, [expected, other]: [string, string]): void {
  if (Handler !== expected && Handler !== other) throw changed(expected, Handler);
}

const isSame = (a: Record<string, string>, b: Record<string, string>): boolean =>
  Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([name, value]) => b[name] === value);

async function publish(
  { lambda, signal }: UpdatePorts,
  functionName: string,
  codeSha256: string,
  description: string,
): Promise<string | undefined> {
  signal?.throwIfAborted();
  const published = await changing('lambda:PublishVersion', functionName, codeSha256, () =>
    lambda.send(
      new PublishVersionCommand({ FunctionName: functionName, CodeSha256: codeSha256, Description: description }),
    ),
  );
  return published.Version;
}

/**
 * The function when no update is under way. `mine`: the last one was ours, so that its failure is one. A failed update of
 * somebody else leaves the former code running, and is no reason not to go on.
 * @throws DeployRefusedError where ours failed, or one takes too long
 */
async function settled(
  { lambda, clock, signal }: UpdatePorts,
  functionName: string,
  mine: 'mine' | 'any' = 'any',
): Promise<GetFunctionConfigurationCommandOutput> {
  const until = clock.now() + WAIT_MOST_MS;
  for (;;) {
    signal?.throwIfAborted();
    const facts = await lambda
      .send(new GetFunctionConfigurationCommand({ FunctionName: functionName }))
      .catch((error: unknown) => {
        throw asFaultError(error, {
          service: 'lambda',
          action: 'lambda:GetFunctionConfiguration',
          resource: functionName,
        });
      });
    if (mine === 'mine' && facts.LastUpdateStatus === 'Failed')
      throw new DeployRefusedError({ reason: 'update-failed', why: facts.LastUpdateStatusReason ?? 'not told' });
    if (facts.LastUpdateStatus !== 'InProgress' && facts.State !== 'Pending') return facts;
    if (clock.now() > until) throw new DeployRefusedError({ reason: 'update-in-progress' });
    await clock.sleep(LOOK_EVERY_MS, signal);
  }
}

/** A change of the function; its refusals in our words. */
async function changing<T>(action: string, functionName: string, expected: string, send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    if (error instanceof PreconditionFailedException)
      throw new DeployRefusedError({ reason: 'changed-since-preview', expected, found: 'another revision' }, error);
    if (error instanceof ResourceConflictException)
      throw new DeployRefusedError({ reason: 'update-in-progress' }, error);
    if (error instanceof InvalidParameterValueException && /CodeSHA256/i.test(error.message))
      throw new DeployRefusedError({ reason: 'changed-since-preview', expected, found: 'other code' }, error);
    const fault = asFaultError(error, { service: 'lambda', action, resource: functionName });
    if (fault instanceof FaultError || !(error instanceof LambdaServiceException)) throw fault;
    // Lambda quotes the environment in its words: neither they nor the error go any further whole.
    const why = redact(error.message.replace(/String measured:.*$/s, ''));
    throw new DeployRefusedError({ reason: 'not-taken', action, why: `${error.name}: ${why}` });
  }
}

const changed = (expected: string, found: string | undefined) =>
  new DeployRefusedError({ reason: 'changed-since-preview', expected, found: found ?? 'nothing' });
