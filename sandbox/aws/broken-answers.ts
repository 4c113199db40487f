import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendJsonError, sendXmlError } from './http.ts';
import { LambdaRefusal, sendRefusal } from './lambda/lambda-http.ts';
import type { World } from './world.ts';

/** Operations of the JSON services that change nothing. */
const READS = /^(?:Get|List|Describe|Filter|Query|Scan|BatchGet|TransactGet)/;
const INVOCATION = /\/invocations(?:\?|$)/;
const LISTING = /[?&]list-type=2(?:&|$)/;

/** How each JSON service, by the first letters of its target, names too many requests and an internal failure. */
const REFUSALS: readonly (readonly [service: string, throttled: string, failed: string])[] = [
  ['DynamoDB_', 'com.amazon.coral.availability#ThrottlingException', 'com.amazonaws.dynamodb#InternalServerError'],
  ['Logs_', 'ThrottlingException', 'ServiceUnavailableException'],
  ['ServiceQuotas', 'TooManyRequestsException', 'ServiceException'],
  ['GraniteServiceVersion', 'Throttling', 'InternalServiceFault'],
  ['AWSStepFunctions', 'ThrottlingException', 'InternalFailure'],
  ['AnyScaleFrontendService', 'ThrottlingException', 'InternalServiceException'],
];

/** The service refuses the request with its own error, and does not carry it out. */
function refuse(request: IncomingMessage, response: ServerResponse, why: 'throttled' | 'failed'): void {
  request.resume();
  const isThrottled = why === 'throttled';
  const message = isThrottled ? 'Rate exceeded' : 'The request could not be processed. Try again later.';
  const target = request.headers['x-amz-target'];
  if (target !== undefined) {
    const [, throttled, failed] = REFUSALS.find(([service]) => String(target).startsWith(service)) ?? ['', '', ''];
    return sendJsonError(response, isThrottled ? throttled : failed, message, isThrottled ? 400 : 500);
  }
  if (isLambda(request.url ?? ''))
    return sendRefusal(
      response,
      isThrottled
        ? new LambdaRefusal(429, 'TooManyRequestsException', message, { Reason: 'CallerRateLimitExceeded' })
        : new LambdaRefusal(500, 'ServiceException', message),
    );
  return isThrottled
    ? sendXmlError(response, 503, 'SlowDown', 'Please reduce your request rate.')
    : sendXmlError(response, 500, 'InternalError', 'We encountered an internal error. Please try again.');
}

/** Whether the path is one of Lambda's. */
export const isLambda = (path: string): boolean => /^\/20\d\d-\d\d-\d\d\/(functions|account-settings)/.test(path);

/** What a request does, as far as it decides whether its answer breaks. */
function kindOf(request: IncomingMessage): 'read' | 'write' | 'invocation' {
  const [, operation] = String(request.headers['x-amz-target'] ?? '').split('.');
  if (operation !== undefined) return READS.test(operation) ? 'read' : 'write';
  if (INVOCATION.test(request.url ?? '')) return 'invocation';
  return request.method === 'GET' || request.method === 'HEAD' ? 'read' : 'write';
}

/**
 * Refuses requests and breaks answers as the settings say. A broken answer is one of a request that was carried out: it
 * gets lost or ends in the middle, because a connection can break at any byte.
 */
export function createBrokenAnswers(world: () => World, random: () => number) {
  let writes = 0;
  let settings: World['answers'] | undefined;

  /** Whether the answer of this write is lost. The count begins again when the settings change. */
  function isLost({ lostWrites, lostWrite }: World['answers']): boolean {
    writes += 1;
    return writes === lostWrite || (lostWrites > 0 && random() < lostWrites);
  }

  return {
    /** Prepares how the answer breaks; or refuses the request and returns true. */
    interfere(request: IncomingMessage, response: ServerResponse): boolean {
      const { answers, throttled, internalErrors } = world();
      if (throttled > 0 && random() < throttled) {
        refuse(request, response, 'throttled');
        return true;
      }
      if (internalErrors > 0 && random() < internalErrors) {
        refuse(request, response, 'failed');
        return true;
      }
      if (answers !== settings) writes = 0;
      settings = answers;
      const kind = kindOf(request);
      if (kind === 'write' && isLost(answers)) lose(request, response);
      else if (answers.cut > 0 && random() < answers.cut) cut(request, response);
      return false;
    },
    /** The faults that only S3 has: it waits, or refuses and returns true. */
    async interfereInS3(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
      const { s3 } = world();
      if (LISTING.test(request.url ?? '')) {
        if (s3.listingMs > 0) await new Promise((resolve) => setTimeout(resolve, s3.listingMs));
        if (s3.listingKeys > 0) request.url = withFewerKeys(request.url ?? '/', s3.listingKeys);
        return false;
      }
      const query = new URL(request.url ?? '/', 'http://localhost').searchParams;
      if (!query.has('uploadId')) return false;
      const isPart = request.method === 'PUT' && query.has('partNumber');
      const isEnd = request.method === 'POST';
      if (isPart && random() < s3.partErrors) {
        request.resume();
        sendXmlError(response, 500, 'InternalError', 'We encountered an internal error. Please try again.');
        return true;
      }
      if (isEnd && random() < s3.completeErrors) {
        request.resume();
        // CompleteMultipartUpload sends the status before the object is complete: an error follows a 200.
        sendXmlError(response, 200, 'InternalError', 'We encountered an internal error. Please try again.');
        return true;
      }
      return false;
    },
  };
}

/** S3 may return fewer keys than were asked for (ListObjectsV2, "MaxKeys"). */
function withFewerKeys(path: string, keys: number): string {
  const url = new URL(path, 'http://localhost');
  const asked = Number(url.searchParams.get('max-keys') ?? 1_000);
  url.searchParams.set('max-keys', String(Math.min(asked, keys)));
  return `${url.pathname}${url.search}`;
}

/** The service writes its answer, and nothing of it arrives. */
function lose(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead = () => response;
  response.write = () => true;
  response.end = () => {
    request.socket.destroy();
    return response;
  };
}

/** Headers and half of the first piece of the body arrive, then the connection breaks. */
function cut(request: IncomingMessage, response: ServerResponse): void {
  const write = response.write.bind(response);
  let isBroken = false;
  const breakAfter = (body: unknown) => {
    if (isBroken) return;
    isBroken = true;
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : '');
    const half = bytes.subarray(0, Math.floor(bytes.length / 2));
    if (half.length === 0) return void request.socket.destroy();
    write(half, () => request.socket.destroy());
  };
  response.write = (body: unknown) => {
    breakAfter(body);
    return true;
  };
  response.end = (body?: unknown) => {
    breakAfter(body);
    return response;
  };
}
