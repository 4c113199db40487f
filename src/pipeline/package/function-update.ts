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
import { defined } from '../../lib/defined.ts';
import { redact } from '../../lib/redact.ts';
import { asFaultError } from '../aws.ts';
import { FaultError } from '../fault.ts';
import { checkLoads } from './check-function.ts';
import { DeployRefusedError } from './deploy-errors.ts';
import { type DeployPlan, MAX_DIRECT_BYTES, requireEnvironmentFits, variablesOf } from './function-package.ts';
import { type PackageLocation, packageKey, readStored } from './package-store.ts';

export interface UpdatePorts {
  readonly lambda: LambdaClient;
  readonly location: PackageLocation;
  readonly clock: Clock;
  /** Aborts when the lease was lost: nothing is changed after that. */
  readonly signal?: AbortSignal;
}

/** The result of a deploy or a rollback. Versions are Lambda's version numbers. */
export interface Deployed {
  readonly codeSha256: string;
  /** Everything was in place already, so nothing was done. */
  readonly unchanged?: true;
  /** The rollback kept code that somebody had deployed since. */
  readonly keptCode?: true;
  readonly versionBefore?: string;
  readonly versionAfter?: string;
  /** Why the test invocation could not be made, so that it is not known whether the package can be loaded. */
  readonly untested?: string;
}

export type DeployStage = 'publishing-before' | 'code' | 'configuration' | 'testing' | 'publishing-after';

const POLL_MS = 500;
const TIMEOUT_MS = 180_000;

/**
 * Carries out a planned deploy: publishes the current version, updates the code, then the handler and the environment,
 * tests with one invocation that the package can be loaded, and publishes the new version. Each stage reads the current state first, so the same call can be repeated after a
 * crash. The handler works at every moment, because the new code still contains the module of the old handler. Nothing
 * is done when everything is in place.
 * @throws DeployRefusedError, FaultError. With the reason `not-loadable` the function has the new package, which does not
 * work: the caller rolls it back.
 */
export async function carryOutDeploy(
  ports: UpdatePorts,
  plan: DeployPlan,
  onStage: (stage: DeployStage) => void,
): Promise<Deployed> {
  const { former, next, functionName } = plan;
  const now = await waitUntilUpdated(ports, functionName);
  const isFormer = now.CodeSha256 === former.codeSha256;
  if (!isFormer) requireCode(now, next.codeSha256, former.codeSha256);
  requireHandler(now, [former.handler, next.handler]);
  const wanted = (variables: Record<string, string>) => ({ ...variables, ...next.environment });
  const variables = variablesOf(now.Environment);
  // Before the code is changed, because a deploy that cannot be completed must not start.
  requireEnvironmentFits(wanted(variables));
  if (plan.inPlace && now.Handler === next.handler && isSame(variables, wanted(variables)))
    return { codeSha256: next.codeSha256, unchanged: true };
  let versionBefore: string | undefined;
  if (isFormer) {
    onStage('publishing-before');
    versionBefore = await publish(ports, functionName, former.codeSha256, 'before the failure logging of rescan-bot');
  }
  if (now.CodeSha256 !== next.codeSha256) {
    onStage('code');
    await updateCode(ports, plan, former.codeSha256, next);
  }
  onStage('configuration');
  await configure(ports, plan, next.codeSha256, next.handler, wanted);
  onStage('testing');
  const { codeSha256 } = next;
  const check = await checkLoads(ports, { functionName, codeSha256, timeoutSeconds: now.Timeout ?? 3 });
  if (check.kind === 'broken') {
    const { errorType, message } = check;
    throw new DeployRefusedError({ reason: 'not-loadable', errorType, message });
  }
  onStage('publishing-after');
  const versionAfter = await publish(ports, functionName, codeSha256, 'with the failure logging of rescan-bot');
  const untested = check.kind === 'unknown' ? check.why : undefined;
  return defined({ codeSha256, versionBefore, versionAfter, untested });
}

/**
 * Restores the code, the handler and our variables as they were before a deploy. Variables that people added since are
 * kept. The handler comes first, because the former handler works with both packages. `keeps` is the hash of code that
 * somebody deployed since: that code is kept, and only the handler and the variables are restored. Can be repeated
 * after a crash.
 * @throws DeployRefusedError when the function has other code or another handler, or the former package is gone;
 * FaultError
 */
export async function carryOutRollback(
  ports: UpdatePorts,
  plan: DeployPlan,
  onStage: (stage: DeployStage) => void,
  keeps?: string,
): Promise<Deployed> {
  const { former, next, functionName } = plan;
  // Before anything is changed: without the former package there is no rollback.
  if (keeps === undefined) await readStored(ports.location, former.codeSha256);
  const now = await waitUntilUpdated(ports, functionName);
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
  return defined({ codeSha256, keptCode: keeps === undefined ? undefined : (true as const), versionAfter });
}

async function updateCode(
  ports: UpdatePorts,
  { functionName, codeKeyArn }: DeployPlan,
  fromSha256: string,
  to: { readonly codeSha256: string; readonly codeBytes: number },
): Promise<void> {
  const { lambda, location } = ports;
  const bytes = await readStored(location, to.codeSha256);
  // Read again, because publishing a version may have changed the revision.
  const now = await waitUntilUpdated(ports, functionName);
  requireCode(now, fromSha256);
  const source =
    to.codeBytes > MAX_DIRECT_BYTES
      ? { S3Bucket: location.bucket, S3Key: packageKey(location, to.codeSha256) }
      : { ZipFile: bytes };
  // A property that the update does not name could be reset to its default.
  const unchanged = { Architectures: now.Architectures, SourceKMSKeyArn: codeKeyArn, RevisionId: now.RevisionId };
  const command = defined({ FunctionName: functionName, ...source, ...unchanged });
  ports.signal?.throwIfAborted();
  await changeFunction('lambda:UpdateFunctionCode', functionName, fromSha256, () =>
    lambda.send(new UpdateFunctionCodeCommand(command)).then(() => undefined),
  ).catch(unlessDone(ports, functionName, (found) => found.CodeSha256 === to.codeSha256));
  requireCode(await waitUntilUpdated(ports, functionName, 'mine'), to.codeSha256);
}

/** Sets the handler and the variables, only on this code, because other code may not contain the handler. */
async function configure(
  ports: UpdatePorts,
  { functionName, former, next }: DeployPlan,
  codeSha256: string,
  handler: string,
  change: (variables: Record<string, string>) => Record<string, string>,
): Promise<void> {
  const now = await waitUntilUpdated(ports, functionName);
  requireCode(now, codeSha256);
  requireHandler(now, [former.handler, next.handler]);
  const variables = variablesOf(now.Environment);
  const wanted = change(variables);
  if (now.Handler === handler && isSame(variables, wanted)) return;
  requireEnvironmentFits(wanted);
  const command = defined({
    FunctionName: functionName,
    Handler: handler,
    Environment: { Variables: wanted },
    RevisionId: now.RevisionId,
  });
  ports.signal?.throwIfAborted();
  await changeFunction('lambda:UpdateFunctionConfiguration', functionName, now.Handler ?? '', () =>
    ports.lambda.send(new UpdateFunctionConfigurationCommand(command)).then(() => undefined),
  ).catch(
    unlessDone(
      ports,
      functionName,
      (found) => found.Handler === handler && isSame(variablesOf(found.Environment), wanted),
    ),
  );
  await waitUntilUpdated(ports, functionName, 'mine');
}

/**
 * When the answer to a change is lost the SDK repeats it, and Lambda refuses the repetition because the change was
 * made.
 */
const unlessDone =
  (
    ports: UpdatePorts,
    functionName: string,
    isDone: (found: GetFunctionConfigurationCommandOutput) => boolean,
  ): ((error: unknown) => Promise<void>) =>
  async (error) => {
    const reason = error instanceof DeployRefusedError ? error.refusal.reason : undefined;
    const isClash = reason === 'changed-since-preview' || reason === 'update-in-progress';
    if (!isClash || !isDone(await waitUntilUpdated(ports, functionName))) throw error;
  };

/** @throws DeployRefusedError when the function has other code. `shown`: the hash that people saw, if it differs. */
function requireCode({ CodeSha256 }: GetFunctionConfigurationCommandOutput, expected: string, shown = expected): void {
  if (CodeSha256 !== expected) throw changedSincePreview(shown, CodeSha256);
}

function requireHandler({ Handler }: GetFunctionConfigurationCommandOutput, [expected, other]: [string, string]): void {
  if (Handler !== expected && Handler !== other) throw changedSincePreview(expected, Handler);
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
  const published = await changeFunction('lambda:PublishVersion', functionName, codeSha256, () =>
    lambda.send(
      new PublishVersionCommand({ FunctionName: functionName, CodeSha256: codeSha256, Description: description }),
    ),
  );
  return published.Version;
}

/**
 * Waits until no update of the function is in progress and returns its configuration. `mine`: the last update was ours,
 * so its failure matters. A failed update of somebody else leaves the former code running and does not matter.
 * @throws DeployRefusedError when our update failed, or an update takes too long
 */
async function waitUntilUpdated(
  { lambda, clock, signal }: UpdatePorts,
  functionName: string,
  mine: 'mine' | 'any' = 'any',
): Promise<GetFunctionConfigurationCommandOutput> {
  const deadline = clock.now() + TIMEOUT_MS;
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
      throw new DeployRefusedError({ reason: 'update-failed', why: facts.LastUpdateStatusReason ?? 'unknown' });
    if (facts.LastUpdateStatus !== 'InProgress' && facts.State !== 'Pending') return facts;
    if (clock.now() > deadline) throw new DeployRefusedError({ reason: 'update-in-progress' });
    await clock.sleep(POLL_MS, signal);
  }
}

/** Makes a change to the function. Its refusals become DeployRefusedError. */
async function changeFunction<T>(
  action: string,
  functionName: string,
  expected: string,
  send: () => Promise<T>,
): Promise<T> {
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
    // The message of Lambda may contain the environment, so neither it nor the error is passed on completely.
    const why = redact(error.message.replace(/String measured:.*$/s, ''));
    throw new DeployRefusedError({ reason: 'not-taken', action, why: `${error.name}: ${why}` });
  }
}

const changedSincePreview = (expected: string, found: string | undefined) =>
  new DeployRefusedError({ reason: 'changed-since-preview', expected, found: found ?? 'nothing' });
