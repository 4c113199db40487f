import { DynamoDBServiceException } from '@aws-sdk/client-dynamodb';
import { LambdaServiceException } from '@aws-sdk/client-lambda';
import { S3ServiceException } from '@aws-sdk/client-s3';
import { ServiceQuotasServiceException } from '@aws-sdk/client-service-quotas';
import { redact } from '../lib/redact.ts';
import { FAULT_REASONS, type Fault } from './invoke/invocation.ts';

/** What was asked of AWS: `lambda`, `lambda:InvokeFunction`, the function's name. */
export interface Asked {
  readonly service: string;
  /** The IAM action, where it is known. */
  readonly action: string;
  readonly resource: string;
}

/** AWS refused in a way that no image is to blame for. */
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
/** The error's code as the service names it, without a namespace. */
export const errorName = (error: unknown): string => textField(error, 'name').replace(/^.*#/, '');
export const errorCode = (error: unknown): string => textField(error, 'code');
export const errorText = (error: unknown): string => textField(error, 'message') || String(error);
/** The HTTP status of a service's answer; undefined if there was none. */
export const httpStatus = (error: unknown): number | undefined => {
  const status = field(field(error, '$metadata'), 'httpStatusCode');
  return typeof status === 'number' ? status : undefined;
};

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
/** The connection was never made, so that nothing was sent. */
const UNSENT = new Set(
  `ECONNREFUSED ENOTFOUND EAI_AGAIN EAI_FAIL EHOSTUNREACH ENETUNREACH ENETDOWN EHOSTDOWN EADDRNOTAVAIL EPROTO CERT_HAS_EXPIRED
   CERT_NOT_YET_VALID SELF_SIGNED_CERT_IN_CHAIN DEPTH_ZERO_SELF_SIGNED_CERT UNABLE_TO_VERIFY_LEAF_SIGNATURE
   UNABLE_TO_GET_ISSUER_CERT_LOCALLY ERR_TLS_CERT_ALTNAME_INVALID`.split(/\s+/),
);
const CUT_OFF = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ECONNABORTED', 'UND_ERR_SOCKET']);

/** No connection could be made: nothing was sent. */
export function neverSent(error: unknown): boolean {
  const code = errorCode(error);
  if (UNSENT.has(code)) return true;
  if (code === 'ETIMEDOUT' && textField(error, 'syscall') === 'connect') return true;
  if (errorName(error) === 'TimeoutError' && errorText(error).includes('did not establish a connection')) return true;
  const attempts = field(error, 'errors');
  return Array.isArray(attempts) && attempts.length > 0 && attempts.every(neverSent);
}

/** The connection broke or timed out after it was made: what was sent may have been carried out. */
export const cutOff = (error: unknown): boolean =>
  !neverSent(error) &&
  (CUT_OFF.has(errorCode(error)) ||
    errorName(error) === 'TimeoutError' ||
    (httpStatus(error) === undefined && /socket hang up|aborted|terminated/i.test(errorText(error))));

/** Which service answered, by the error itself; what was asked is the second best witness. */
function serviceOf(error: unknown, asked: Asked): string {
  if (error instanceof LambdaServiceException) return 'lambda';
  if (error instanceof DynamoDBServiceException || errorName(error) === 'TableNotFoundError') return 'dynamodb';
  if (error instanceof S3ServiceException) return 's3';
  if (error instanceof ServiceQuotasServiceException) return 'servicequotas';
  return asked.service.toLowerCase();
}

/** Which setting names the thing, by service. */
const SETTINGS: Readonly<Record<string, string>> = {
  lambda: 'OCR_FUNCTION',
  s3: 'IMAGE_BUCKET (or CONTROL_BUCKET for the files of the bot itself)',
  dynamodb: 'TABLE (or CONTROL_TABLE for the state of the bot itself)',
};

const missing = (error: unknown): boolean =>
  ['ResourceNotFoundException', 'NoSuchBucket', 'TableNotFoundError', 'TableNotFoundException'].includes(
    errorName(error),
  ) ||
  (errorName(error) === 'NotFound' && textField(error, 'BucketName') !== '');

/** An answer with a status alone: S3 answers a HEAD so, and the SDK has no name for it then. */
const isWordless = (error: unknown): boolean => ['Unknown', 'UnknownError', '400', '403'].includes(errorName(error));

/** The action that IAM says was refused, or the one that was asked for. */
const refusedAction = (message: string, asked: Asked): string | undefined =>
  /not authorized to perform:?\s+([a-z0-9-]+:[A-Za-z*]+)/.exec(message)?.[1] ??
  (asked.action.includes(':') ? asked.action : undefined);

/** The fault that an error of ours carries. */
export const carriedFault = (error: unknown): Fault | undefined => {
  const fault = field(error, 'fault');
  const [reason, message, fix] = ['reason', 'message', 'fix'].map((name) => textField(fault, name));
  // Only errors of ours have a `fault` that is an object of three texts.
  return error instanceof Error && reason && message && fix && isReason(reason) ? { reason, message, fix } : undefined;
};
const REASONS: ReadonlySet<string> = new Set(FAULT_REASONS);
const isReason = (text: string): text is Fault['reason'] => REASONS.has(text);

/** The fault that this very error is, by its name, code and status; its causes are not asked. */
export function faultOf(error: unknown, asked: Asked): Fault | undefined {
  const name = errorName(error);
  const service = serviceOf(error, asked);
  const said = isWordless(error)
    ? `HTTP ${httpStatus(error) ?? name}, no more`
    : `${errorCode(error) || name}: ${errorText(error)}`;
  const action = asked.action.includes(':') ? asked.action : `a call to ${service}`;
  const told = (what: string) => redact(`${what} (${action}, ${asked.resource}): ${said}`);

  if (CREDENTIALS.has(name))
    return {
      reason: 'credentials',
      message: told('AWS does not accept the credentials of the bot'),
      fix: /skew|not yet current|expired.*now/i.test(errorText(error))
        ? 'Look at the clock of this machine, then at AWS_PROFILE or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.'
        : 'Renew the credentials: look at AWS_PROFILE, or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the role of the bot.',
    };
  if (isWordless(error) && httpStatus(error) === 400 && service === 's3')
    return {
      reason: 'credentials',
      message: told('S3 refuses without a word, as it does where the credentials of the bot have expired'),
      fix: 'Renew the credentials (AWS_PROFILE, or AWS_SESSION_TOKEN and the keys beside it), then look at AWS_REGION.',
    };
  if (DENIED.has(name) || (isWordless(error) && httpStatus(error) === 403)) {
    const refused = refusedAction(errorText(error), asked);
    return {
      reason: 'access-denied',
      message: told('AWS refuses'),
      fix: refused
        ? `Allow ${refused} on ${asked.resource} to the role of the bot (AWS_PROFILE).`
        : `Look at the permissions of the role of the bot (AWS_PROFILE) in ${service}.`,
    };
  }
  if (missing(error)) {
    if (service === 'lambda')
      return {
        reason: 'function-missing',
        message: told('There is no such function'),
        fix: 'Look at OCR_FUNCTION and AWS_REGION.',
      };
    if (service === 's3')
      return {
        reason: 'bucket-missing',
        message: told('There is no such bucket'),
        fix: `Look at ${SETTINGS.s3} and AWS_REGION.`,
      };
    if (service === 'dynamodb')
      return {
        reason: 'table-missing',
        message: told('There is no such table'),
        fix: `Look at ${SETTINGS.dynamodb} and AWS_REGION.`,
      };
    return undefined;
  }
  if (neverSent(error) || cutOff(error))
    return {
      reason: 'network',
      message: told(neverSent(error) ? 'AWS cannot be reached' : 'The connection to AWS broke'),
      fix: 'Look at the network of the bot, AWS_REGION and AWS_ENDPOINT_URL.',
    };
  if (CONFIGURATION.has(name))
    return {
      reason: 'configuration',
      message: told('AWS cannot work with what is set'),
      fix:
        service === 'lambda'
          ? 'Look at the function that OCR_FUNCTION names.'
          : `Look at ${SETTINGS[service] ?? 'the settings'} and AWS_REGION.`,
    };
  if (/region is missing/i.test(errorText(error)) || errorCode(error) === 'ERR_INVALID_URL')
    return {
      reason: 'configuration',
      message: told('AWS is not set up'),
      fix: 'Look at AWS_REGION, AWS_PROFILE and AWS_ENDPOINT_URL.',
    };
  return undefined;
}
