import { DynamoDBServiceException } from '@aws-sdk/client-dynamodb';
import { LambdaServiceException } from '@aws-sdk/client-lambda';
import { S3ServiceException } from '@aws-sdk/client-s3';
import { ServiceQuotasServiceException } from '@aws-sdk/client-service-quotas';
import { SFNServiceException } from '@aws-sdk/client-sfn';
import { redact } from '../lib/redact.ts';
import { FAULT_REASONS, type Fault } from './invoke/invocation.ts';

/** A call to AWS: `lambda`, `lambda:InvokeFunction`, the name of the function. */
export interface Asked {
  readonly service: string;
  /** The IAM action, or a description that contains no colon. */
  readonly action: string;
  readonly resource: string;
}

/** The environment is broken. No image is the cause. */
export class FaultError extends Error {
  override readonly name = 'FaultError';
  readonly fault: Fault;
  constructor(fault: Fault, cause?: unknown) {
    super(fault.message, { cause });
    this.fault = fault;
  }
}

export const field = (error: unknown, name: string): unknown =>
  typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined;
const textField = (error: unknown, name: string): string => {
  const value = field(error, name);
  return typeof value === 'string' ? value : '';
};
/** The name of the error in the service, without a namespace. */
export const errorName = (error: unknown): string => textField(error, 'name').replace(/^.*#/, '');
export const errorCode = (error: unknown): string => textField(error, 'code');
export const errorText = (error: unknown): string =>
  foreignAnswer(error) ?? (textField(error, 'message') || String(error));
/** The HTTP status of the answer; undefined when there was no answer. */
export const httpStatus = (error: unknown): number | undefined => {
  const status = field(field(error, '$metadata'), 'httpStatusCode');
  return typeof status === 'number' ? status : undefined;
};

/**
 * What was answered in place of AWS: a page of HTML, or text that is no JSON. A proxy or a firewall does that. Undefined
 * for an answer of AWS itself.
 */
export function foreignAnswer(error: unknown): string | undefined {
  const status = httpStatus(error);
  if (status === undefined) return;
  const type = textField(field(field(error, '$response'), 'headers'), 'content-type');
  if (/^text\/html\b/i.test(type)) return `AWS answered ${status} (HTML from a proxy?)`;
  return errorName(error) === 'SyntaxError' ? `AWS answered ${status} (not JSON, from a proxy?)` : undefined;
}

const CREDENTIALS = new Set(
  `ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired InvalidToken UnrecognizedClientException UnrecognizedClient
   InvalidSignatureException InvalidSignature SignatureDoesNotMatch IncompleteSignature IncompleteSignatureException InvalidClientTokenId
   InvalidAccessKeyId MissingAuthenticationToken MissingAuthenticationTokenException MissingSecurityHeader RequestTimeTooSkewed
   AuthFailure CredentialsProviderError CredentialsError TokenProviderError UnauthorizedException UnauthorizedSSOTokenError`.split(
    /\s+/,
  ),
);
const DENIED = new Set(
  `AccessDenied AccessDeniedException UnauthorizedOperation NotAuthorized AuthorizationError AuthorizationErrorException
   Forbidden AllAccessDisabled AccountProblem OptInRequired`.split(/\s+/),
);
const CONFIGURATION = new Set(
  `PermanentRedirect AuthorizationHeaderMalformed IllegalLocationConstraintException InvalidBucketName InvalidZipFileException
   InvalidRuntimeException InvalidSecurityGroupIDException InvalidSubnetIDException KMSAccessDeniedException KMSDisabledException
   KMSInvalidStateException KMSNotFoundException EFSMountConnectivityException EFSMountFailureException EFSMountTimeoutException
   EFSIOException SnapStartException UnknownOperationException UnknownOperation`.split(/\s+/),
);
/** The connection was never made, so nothing was sent. */
const NOT_CONNECTED = new Set(
  `ECONNREFUSED ENOTFOUND EAI_AGAIN EAI_FAIL EHOSTUNREACH ENETUNREACH ENETDOWN EHOSTDOWN EADDRNOTAVAIL EPROTO CERT_HAS_EXPIRED
   CERT_NOT_YET_VALID SELF_SIGNED_CERT_IN_CHAIN DEPTH_ZERO_SELF_SIGNED_CERT UNABLE_TO_VERIFY_LEAF_SIGNATURE
   UNABLE_TO_GET_ISSUER_CERT_LOCALLY ERR_TLS_CERT_ALTNAME_INVALID`.split(/\s+/),
);
const DISCONNECTED = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ECONNABORTED', 'UND_ERR_SOCKET']);

/** Whether no connection could be made, so nothing was sent. */
export function neverSent(error: unknown): boolean {
  const code = errorCode(error);
  if (NOT_CONNECTED.has(code)) return true;
  if (code === 'ETIMEDOUT' && textField(error, 'syscall') === 'connect') return true;
  if (errorName(error) === 'TimeoutError' && errorText(error).includes('did not establish a connection')) return true;
  const attempts = field(error, 'errors');
  return Array.isArray(attempts) && attempts.length > 0 && attempts.every(neverSent);
}

/**
 * Whether the connection broke or timed out after it was made, or something else than AWS answered, so the request may
 * have been carried out.
 */
export const wasDisconnected = (error: unknown): boolean =>
  !neverSent(error) &&
  (foreignAnswer(error) !== undefined ||
    DISCONNECTED.has(errorCode(error)) ||
    errorName(error) === 'TimeoutError' ||
    (httpStatus(error) === undefined && /socket hang up|aborted|terminated/i.test(errorText(error))));

/** The service that answered: by the class of the error, otherwise by the call. */
function serviceOf(error: unknown, asked: Asked): string {
  if (error instanceof LambdaServiceException) return 'lambda';
  if (error instanceof DynamoDBServiceException || errorName(error) === 'TableNotFoundError') return 'dynamodb';
  if (error instanceof S3ServiceException) return 's3';
  if (error instanceof ServiceQuotasServiceException) return 'servicequotas';
  if (error instanceof SFNServiceException) return 'states';
  return asked.service.toLowerCase();
}

/** The setting that names the resource, by service. */
const SETTINGS: Readonly<Record<string, string>> = {
  lambda: 'OCR_FUNCTION',
  s3: 'IMAGE_BUCKET (or CONTROL_BUCKET for the files of the bot itself)',
  dynamodb: 'TABLE (or CONTROL_TABLE for the state of the bot itself)',
  states: 'STATE_MACHINE',
};

const NO_STATE_MACHINE = ['StateMachineDoesNotExist', 'StateMachineDeleting'];
const isMissing = (error: unknown): boolean =>
  [
    'ResourceNotFoundException',
    'NoSuchBucket',
    'TableNotFoundError',
    'TableNotFoundException',
    ...NO_STATE_MACHINE,
  ].includes(errorName(error)) ||
  (errorName(error) === 'NotFound' && textField(error, 'BucketName') !== '');

/** Whether the answer has only a status: S3 answers a HEAD request so, and the SDK has no name for the error. */
const hasOnlyStatus = (error: unknown): boolean => ['Unknown', 'UnknownError', '400', '403'].includes(errorName(error));

/** The action that IAM refused: from its message, otherwise the action of the call. */
const refusedAction = (message: string, asked: Asked): string | undefined =>
  /not authorized to perform:?\s+([a-z0-9-]+:[A-Za-z*]+)/.exec(message)?.[1] ??
  (asked.action.includes(':') ? asked.action : undefined);

/** The fault in one of our own errors. */
export const carriedFault = (error: unknown): Fault | undefined => {
  const fault = field(error, 'fault');
  const [reason, message, fix] = ['reason', 'message', 'fix'].map((name) => textField(fault, name));
  // Only our own errors have a `fault` with three texts.
  return error instanceof Error && reason && message && fix && isReason(reason) ? { reason, message, fix } : undefined;
};
const REASONS: ReadonlySet<string> = new Set(FAULT_REASONS);
const isReason = (text: string): text is Fault['reason'] => REASONS.has(text);

/** The fault that this error means, by its name, code and status, without its causes. Undefined when it is no fault. */
export function faultOf(error: unknown, asked: Asked): Fault | undefined {
  const name = errorName(error);
  const service = serviceOf(error, asked);
  const foreign = foreignAnswer(error);
  const details =
    foreign ??
    (hasOnlyStatus(error) ? `HTTP ${httpStatus(error) ?? name}` : `${errorCode(error) || name}: ${errorText(error)}`);
  const action = asked.action.includes(':') ? asked.action : `a call to ${service}`;
  const describe = (what: string) => redact(`${what} (${action}, ${asked.resource}): ${details}`);

  if (foreign !== undefined)
    return {
      reason: 'network',
      message: describe('Something between the bot and AWS answered in place of AWS'),
      fix: 'Check the proxy (HTTPS_PROXY, NO_PROXY) and the network of the bot, and AWS_ENDPOINT_URL.',
    };
  if (CREDENTIALS.has(name))
    return {
      reason: 'credentials',
      message: describe('AWS rejected the credentials of the bot'),
      fix: /skew|not yet current|expired.*now/i.test(errorText(error))
        ? 'Check the clock of this machine, then AWS_PROFILE, or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.'
        : 'Renew the credentials: AWS_PROFILE, or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the role of the bot.',
    };
  if (hasOnlyStatus(error) && httpStatus(error) === 400 && service === 's3')
    return {
      reason: 'credentials',
      message: describe('S3 rejected the request, probably because the credentials of the bot have expired'),
      fix: 'Renew the credentials (AWS_PROFILE, or AWS_SESSION_TOKEN with its keys), then check AWS_REGION.',
    };
  if (DENIED.has(name) || (hasOnlyStatus(error) && httpStatus(error) === 403)) {
    const refused = refusedAction(errorText(error), asked);
    return {
      reason: 'access-denied',
      message: describe('The role of the bot lacks a permission'),
      fix: refused
        ? `Allow ${refused} on ${asked.resource} for the role of the bot.`
        : `Check the permissions of the role of the bot for ${service}.`,
    };
  }
  if (isMissing(error)) {
    if (service === 'lambda')
      return {
        reason: 'function-missing',
        message: describe('The function does not exist'),
        fix: 'Check OCR_FUNCTION and AWS_REGION.',
      };
    if (service === 's3')
      return {
        reason: 'bucket-missing',
        message: describe('The bucket does not exist'),
        fix: `Check ${SETTINGS.s3} and AWS_REGION.`,
      };
    if (service === 'dynamodb')
      return {
        reason: 'table-missing',
        message: describe('The table does not exist'),
        fix: `Check ${SETTINGS.dynamodb} and AWS_REGION.`,
      };
    if (service === 'states')
      return {
        reason: 'state-machine',
        message: describe('The state machine does not exist'),
        fix: 'Check STATE_MACHINE and AWS_REGION.',
      };
    return undefined;
  }
  if (neverSent(error) || wasDisconnected(error))
    return {
      reason: 'network',
      message: describe(neverSent(error) ? 'AWS cannot be reached' : 'The connection to AWS broke'),
      fix: 'Check the network of the bot, AWS_REGION and AWS_ENDPOINT_URL.',
    };
  if (CONFIGURATION.has(name))
    return {
      reason: 'configuration',
      message: describe('AWS rejected the configuration'),
      fix:
        service === 'lambda'
          ? 'Check the configuration of the function (setting OCR_FUNCTION).'
          : `Check ${SETTINGS[service] ?? 'the settings'} and AWS_REGION.`,
    };
  if (/region is missing/i.test(errorText(error)) || errorCode(error) === 'ERR_INVALID_URL')
    return {
      reason: 'configuration',
      message: describe('AWS is not configured'),
      fix: 'Check AWS_REGION, AWS_PROFILE and AWS_ENDPOINT_URL.',
    };
  return undefined;
}

/** The same for faults that differ only in the ids and numbers of a request. */
export const nameOfFault = ({ reason, message }: Fault): string =>
  `${reason} ${message.replaceAll(/[\da-f-]{8,}|\d+/gi, '#')}`;
