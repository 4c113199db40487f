import { z } from 'zod';
import type { World } from '../world.ts';
import { ACCOUNT, type FunctionChange, type FunctionRevision, type FunctionState } from './function-state.ts';
import { badParameter, LambdaRefusal } from './lambda-http.ts';

const MOST_ENVIRONMENT_BYTES = 4_096;
/** Names that Lambda sets itself. The environment of the function must not contain them. */
const RESERVED = new Set([
  '_HANDLER',
  '_X_AMZN_TRACE_ID',
  'AWS_DEFAULT_REGION',
  'AWS_REGION',
  'AWS_EXECUTION_ENV',
  'AWS_LAMBDA_FUNCTION_NAME',
  'AWS_LAMBDA_FUNCTION_MEMORY_SIZE',
  'AWS_LAMBDA_FUNCTION_VERSION',
  'AWS_LAMBDA_INITIALIZATION_TYPE',
  'AWS_LAMBDA_LOG_GROUP_NAME',
  'AWS_LAMBDA_LOG_STREAM_NAME',
  'AWS_ACCESS_KEY',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_LAMBDA_RUNTIME_API',
  'LAMBDA_TASK_ROOT',
  'LAMBDA_RUNTIME_DIR',
]);

/** A revision in the format of FunctionConfiguration. */
export function configurationOf(revision: FunctionRevision, state: FunctionState, world: World) {
  const isLatest = revision.version === '$LATEST';
  const LastUpdateStatus = isLatest ? state.updateStatus() : 'Successful';
  const isZip = world.packageType === 'Zip';
  return {
    FunctionName: state.arn().split(':').at(-1),
    FunctionArn: state.arn(isLatest ? undefined : revision.version),
    ...(isZip ? { Runtime: world.runtime, Handler: revision.handler } : {}),
    Role: `arn:aws:iam::${ACCOUNT}:role/${state.arn().split(':').at(-1)}-role`,
    CodeSize: isZip ? revision.content.zip.length : 0,
    Description: revision.description,
    Timeout: revision.timeoutSeconds,
    MemorySize: revision.memorySizeMb,
    LastModified: revision.lastModified,
    CodeSha256: isZip ? revision.content.sha256 : Buffer.from(revision.content.sha256, 'base64').toString('hex'),
    Version: revision.version,
    Environment: { Variables: revision.environment },
    TracingConfig: { Mode: 'PassThrough' },
    RevisionId: revision.revisionId,
    State: 'Active',
    LastUpdateStatus,
    ...(LastUpdateStatus === 'InProgress'
      ? { LastUpdateStatusReason: 'The function is being created.', LastUpdateStatusReasonCode: 'Creating' }
      : {}),
    ...(LastUpdateStatus === 'Failed'
      ? {
          LastUpdateStatusReason: 'Internal error: the update of the function could not be completed.',
          LastUpdateStatusReasonCode: 'InternalError',
        }
      : {}),
    PackageType: world.packageType,
    Architectures: ['x86_64'],
    EphemeralStorage: { Size: 512 },
    SnapStart: { ApplyOn: 'None', OptimizationStatus: 'Off' },
    LoggingConfig: { LogFormat: 'Text', LogGroup: `/aws/lambda/${state.arn().split(':').at(-1)}` },
  };
}

/**
 * Refuses a change while an update runs (409), and a change of a revision that is not the current one (412). @throws
 * LambdaRefusal
 */
export function changesAllowed(state: FunctionState, revisionId: string | undefined): void {
  if (revisionId !== undefined && revisionId !== state.latest().revisionId)
    throw new LambdaRefusal(
      412,
      'PreconditionFailedException',
      'The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id',
    );
  if (state.updateStatus() === 'InProgress')
    throw new LambdaRefusal(
      409,
      'ResourceConflictException',
      `The operation cannot be performed at this time. An update is in progress for resource: ${state.arn()}`,
    );
}

const configurationSchema = z.strictObject({
  Handler: z.string().optional(),
  Environment: z.strictObject({ Variables: z.record(z.string(), z.string()).optional() }).optional(),
  Timeout: z.number().int().optional(),
  MemorySize: z.number().int().optional(),
  Description: z.string().max(256).optional(),
  RevisionId: z.string().optional(),
});

/**
 * UpdateFunctionConfiguration. Changes only the named fields; replaces the environment as a whole. @throws
 * LambdaRefusal
 */
export function updateConfiguration(body: unknown, state: FunctionState, world: World): FunctionRevision {
  const read = configurationSchema.safeParse(body);
  if (!read.success)
    throw badParameter(
      `The local AWS cannot change this: ${read.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('; ')}`,
    );
  const { Handler, Environment, Timeout, MemorySize, Description, RevisionId } = read.data;
  if (Timeout !== undefined) between('timeout', Timeout, 1, 900);
  if (MemorySize !== undefined) between('memorySize', MemorySize, 128, 10_240);
  if (Handler !== undefined && !/^[^\s]{0,128}$/.test(Handler))
    throw constraint('handler', Handler, 'Member must satisfy regular expression pattern: [^\\s]+');
  if (Handler !== undefined && world.packageType === 'Image')
    throw badParameter(
      "Please don't provide Runtime, Handler or Layer when updating a function with packageType Image.",
    );
  if (Environment?.Variables) environmentAllowed(Environment.Variables);
  changesAllowed(state, RevisionId);
  const change: FunctionChange = {
    ...(Handler === undefined ? {} : { handler: Handler }),
    ...(Environment === undefined ? {} : { environment: Environment.Variables ?? {} }),
    ...(Timeout === undefined ? {} : { timeoutSeconds: Timeout }),
    ...(MemorySize === undefined ? {} : { memorySizeMb: MemorySize }),
    ...(Description === undefined ? {} : { description: Description }),
  };
  return state.change(change);
}

function environmentAllowed(variables: Record<string, string>): void {
  const names = Object.keys(variables);
  const unable =
    'Lambda was unable to configure your environment variables because the environment variables you have provided';
  const reserved = names.filter((name) => RESERVED.has(name));
  if (reserved.length > 0)
    throw badParameter(
      `${unable} contains reserved keys that are currently not supported for modification. Reserved keys used in this request: ${reserved.join(', ')}`,
    );
  const odd = names.find((name) => !/^[a-zA-Z][a-zA-Z0-9_]+$/.test(name));
  if (odd !== undefined)
    throw constraint(
      'environment.variables',
      odd,
      'Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]',
    );
  const measured = JSON.stringify(variables);
  if (Buffer.byteLength(measured) > MOST_ENVIRONMENT_BYTES)
    throw badParameter(`${unable} exceeded the 4KB limit. String measured: ${measured}`);
}

function between(name: string, value: number, least: number, most: number): void {
  if (value < least) throw constraint(name, value, `Member must have value greater than or equal to ${least}`);
  if (value > most) throw constraint(name, value, `Member must have value less than or equal to ${most}`);
}

const constraint = (name: string, value: string | number, rule: string): LambdaRefusal =>
  new LambdaRefusal(
    400,
    'ValidationException',
    `1 validation error detected: Value '${value}' at '${name}' failed to satisfy constraint: ${rule}`,
  );
