import {
  GetFunctionConfigurationCommand,
  type GetFunctionConfigurationCommandOutput,
  type LambdaClient,
  PreconditionFailedException,
  PublishVersionCommand,
  ResourceConflictException,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import type { Clock } from '../clock.ts';
import { asFaultError } from './aws.ts';
import { DeployRefusedError } from './deploy-errors.ts';
import { type DeployPlan, MOST_DIRECT_BYTES, type PackagePlace, packageKey, readStored } from './function-package.ts';

export interface UpdatePorts {
  readonly lambda: LambdaClient;
  readonly place: PackagePlace;
  readonly clock: Clock;
  /** The right to the pipeline was lost: nothing further is changed. */
  readonly signal?: AbortSignal;
}

/** What a deploy or a rollback came to. Versions are Lambda's numbers. */
export interface Deployed {
  readonly codeSha256: string;
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
  if (!isFormer && now.CodeSha256 !== next.codeSha256) throw changed(plan.former.codeSha256, now.CodeSha256);
  if (now.Handler !== former.handler && now.Handler !== next.handler) throw changed(former.handler, now.Handler);
  let versionBefore: string | undefined;
  if (isFormer) {
    onStage('publishing-before');
    versionBefore = await publish(ports, functionName, former.codeSha256, 'before rescan-bot’s failure logging');
  }
  if (now.CodeSha256 !== next.codeSha256) {
    onStage('code');
    await updateCode(ports, functionName, former.codeSha256, next);
  }
  onStage('configuration');
  await configure(ports, functionName, next.handler, (variables) => ({ ...variables, ...next.environment }));
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
 * Handler first, then code: the former handler works with both. Repeatable after a crash.
 * @throws DeployRefusedError where somebody deployed other code or set another handler since, or the former package is gone;
 * FaultError
 */
export async function carryOutRollback(
  ports: UpdatePorts,
  plan: DeployPlan,
  onStage: (stage: DeployStage) => void,
): Promise<Deployed> {
  const { former, next, functionName } = plan;
  // Before anything changes: without the former bytes there is no way back.
  await readStored(ports.place, former.codeSha256);
  const now = await settled(ports, functionName);
  if (now.CodeSha256 !== next.codeSha256 && now.CodeSha256 !== former.codeSha256)
    throw changed(next.codeSha256, now.CodeSha256);
  if (now.Handler !== next.handler && now.Handler !== former.handler) throw changed(next.handler, now.Handler);
  onStage('configuration');
  await configure(ports, functionName, former.handler, (variables) => {
    const kept = Object.entries(variables).filter(([name]) => next.environment[name] === undefined);
    return { ...Object.fromEntries(kept), ...former.environment };
  });
  if (now.CodeSha256 !== former.codeSha256) {
    onStage('code');
    await updateCode(ports, functionName, next.codeSha256, former);
  }
  onStage('publishing-after');
  const versionAfter = await publish(ports, functionName, former.codeSha256, 'rolled back by rescan-bot');
  return { codeSha256: former.codeSha256, ...(versionAfter === undefined ? {} : { versionAfter }) };
}

async function updateCode(
  ports: UpdatePorts,
  functionName: string,
  fromSha256: string,
  to: { readonly codeSha256: string; readonly codeBytes: number },
): Promise<void> {
  const { lambda, place } = ports;
  const bytes = await readStored(place, to.codeSha256);
  // Asked again: publishing a version may have given the function another revision.
  const now = await settled(ports, functionName);
  if (now.CodeSha256 !== fromSha256) throw changed(fromSha256, now.CodeSha256);
  const source =
    to.codeBytes > MOST_DIRECT_BYTES
      ? { S3Bucket: place.bucket, S3Key: packageKey(place, to.codeSha256) }
      : { ZipFile: bytes };
  const revision = now.RevisionId === undefined ? {} : { RevisionId: now.RevisionId };
  ports.signal?.throwIfAborted();
  await changing('lambda:UpdateFunctionCode', functionName, fromSha256, () =>
    lambda.send(new UpdateFunctionCodeCommand({ FunctionName: functionName, ...source, ...revision })),
  );
  const after = await settled(ports, functionName, 'mine');
  if (after.CodeSha256 !== to.codeSha256) throw changed(to.codeSha256, after.CodeSha256);
}

async function configure(
  ports: UpdatePorts,
  functionName: string,
  handler: string,
  change: (variables: Record<string, string>) => Record<string, string>,
): Promise<void> {
  const now = await settled(ports, functionName);
  const variables = now.Environment?.Variables ?? {};
  const wanted = change(variables);
  if (now.Handler === handler && isSame(variables, wanted)) return;
  const revision = now.RevisionId === undefined ? {} : { RevisionId: now.RevisionId };
  ports.signal?.throwIfAborted();
  await changing('lambda:UpdateFunctionConfiguration', functionName, now.Handler ?? '', () =>
    ports.lambda.send(
      new UpdateFunctionConfigurationCommand({
        FunctionName: functionName,
        Handler: handler,
        Environment: { Variables: wanted },
        ...revision,
      }),
    ),
  );
  await settled(ports, functionName, 'mine');
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
    throw asFaultError(error, { service: 'lambda', action, resource: functionName });
  }
}

const changed = (expected: string, found: string | undefined) =>
  new DeployRefusedError({ reason: 'changed-since-preview', expected, found: found ?? 'nothing' });
