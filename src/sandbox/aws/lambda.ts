import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { readBody } from './http.ts';
import type { Invocations } from './invocations.ts';
import type { LogRing } from './log-ring.ts';
import { runOcr } from './ocr.ts';
import type { FailureKind, World } from './world.ts';

export interface LambdaPorts {
  readonly functionName: string;
  readonly table: string;
  readonly imageBucket: string;
  readonly world: () => World;
  readonly random: () => number;
  readonly dynamodb: DynamoDBClient;
  readonly s3: S3Client;
  readonly invocations: Invocations;
  readonly logs: LogRing;
}

const ACCOUNT = '016164185850';
const TIMEOUT_SECONDS = 300;
const MEMORY_MB = 1024;
const eventSchema = z.object({
  Records: z
    .array(
      z.object({ s3: z.object({ bucket: z.object({ name: z.string() }), object: z.object({ key: z.string() }) }) }),
    )
    .min(1),
});

/** Lambda's control plane and its one function, on the REST paths that the SDK calls. */
export function createLambda(ports: LambdaPorts) {
  const { world, invocations, logs } = ports;
  const started = new Date();
  const stream = `${started.toISOString().slice(0, 10).replaceAll('-', '/')}/[$LATEST]${randomUUID().replaceAll('-', '')}`;
  let reserved: number | undefined;
  let modelCalls: number[] = [];

  function modelTakes(): boolean {
    const limit = world().bedrockPerMinute;
    const now = Date.now();
    modelCalls = modelCalls.filter((at) => at > now - 60_000);
    if (limit > 0 && modelCalls.length >= limit) return false;
    modelCalls.push(now);
    return true;
  }

  const free = () => reserved ?? world().concurrency.unreserved;
  /** Why the next invocation is refused with 429, as Lambda's Reason. */
  function throttle(): string | undefined {
    if (invocations.inFlight() >= free())
      return reserved === undefined
        ? 'ConcurrentInvocationLimitExceeded'
        : 'ReservedFunctionConcurrentInvocationLimitExceeded';
    const { functionPerMinute } = world();
    return functionPerMinute > 0 && invocations.inLastMinute(Date.now()) >= functionPerMinute
      ? 'CallerRateLimitExceeded'
      : undefined;
  }

  function latencyMs(): number {
    const { latencyMs: wanted } = world();
    return typeof wanted === 'number' ? wanted : wanted.min + ports.random() * Math.max(0, wanted.max - wanted.min);
  }

  function failureFor(key: string): { kind: FailureKind; message: string | undefined } | undefined {
    for (const failure of world().failures)
      if ((failure.match === undefined || key.includes(failure.match)) && ports.random() < failure.rate)
        return { kind: failure.kind, message: failure.message };
    return;
  }

  async function run(bucket: string, key: string) {
    const requestId = randomUUID();
    const startedAt = Date.now();
    invocations.begin(key, startedAt);
    const say = (message: string) => logs.add(Date.now(), stream, message);
    if (world().functionWork === 'real') say(`START RequestId: ${requestId} Version: $LATEST\n`);
    const wait = latencyMs();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const failure = failureFor(key);
    const reply = await runOcr(bucket, key, {
      dynamodb: ports.dynamodb,
      s3: ports.s3,
      table: ports.table,
      world,
      modelTakes,
      now: Date.now,
      timeoutSeconds: TIMEOUT_SECONDS,
      requestId,
      failWith: failure?.kind,
      failMessage: failure?.message,
      log: (level, message) => say(`[${level}] ${new Date().toISOString()} ${requestId} ${message}\n`),
    });
    const endedAt = Date.now();
    if (world().functionWork === 'real') {
      if (reply.functionError) say(`${reply.payload}\n`);
      say(`END RequestId: ${requestId}\n`);
      say(
        `REPORT RequestId: ${requestId}\tDuration: ${endedAt - startedAt}.00 ms\tBilled Duration: ${endedAt - startedAt} ms\tMemory Size: ${MEMORY_MB} MB\tMax Memory Used: ${reply.kind === 'out-of-memory' ? MEMORY_MB : 312} MB\t\n`,
      );
    }
    invocations.end({ requestId, key, startedAt, endedAt, reply: reply.kind });
    return { requestId, reply };
  }

  async function invoke(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    const event = eventSchema.safeParse(parseJson(body.toString('utf8')));
    if (!event.success)
      return refuse(
        response,
        400,
        'InvalidRequestContentException',
        'Could not parse request body into json: no S3 record',
      );
    const record = event.data.Records[0];
    if (!record) return refuse(response, 400, 'InvalidRequestContentException', 'No record');
    const reason = throttle();
    if (reason) {
      response.setHeader('Retry-After', '1');
      return refuse(response, 429, 'TooManyRequestsException', 'Rate Exceeded.', { Reason: reason });
    }
    const { bucket, object } = record.s3;
    const bucketName =
      world().bucketMissing && bucket.name === ports.imageBucket ? `${bucket.name}-is-gone` : bucket.name;
    if (request.headers['x-amz-invocation-type'] === 'Event') {
      // Lambda answers at once and tries a failed event twice more by itself.
      void (async () => {
        for (let attempt = 0; attempt < 3; attempt++) {
          const { reply } = await run(bucketName, object.key);
          if (reply.functionError === undefined) return;
        }
      })();
      response.writeHead(202, { 'x-amzn-requestid': randomUUID() });
      return void response.end();
    }
    const { requestId, reply } = await run(bucketName, object.key);
    if (world().brokenConnections > 0 && ports.random() < world().brokenConnections) {
      request.socket.destroy();
      return;
    }
    response.writeHead(200, {
      'content-type': 'application/json',
      'x-amzn-requestid': requestId,
      'x-amz-executed-version': '$LATEST',
      ...(reply.functionError === undefined ? {} : { 'x-amz-function-error': reply.functionError }),
    });
    response.end(reply.payload);
  }

  const configuration = () => ({
    FunctionName: ports.functionName,
    FunctionArn: `arn:aws:lambda:us-east-1:${ACCOUNT}:function:${ports.functionName}`,
    Runtime: 'python3.13',
    Handler: 'lambda_function.lambda_handler',
    Role: `arn:aws:iam::${ACCOUNT}:role/${ports.functionName}-role`,
    CodeSize: 48_211,
    CodeSha256: createHash('sha256').update(ports.functionName).digest('base64'),
    Timeout: TIMEOUT_SECONDS,
    MemorySize: MEMORY_MB,
    LastModified: started.toISOString(),
    Version: '$LATEST',
    Environment: { Variables: { DYNAMODB_TABLE: ports.table, MODEL_ID: 'us.amazon.nova-lite-v1:0' } },
    State: 'Active',
    LastUpdateStatus: 'Successful',
    PackageType: 'Zip',
    Architectures: ['x86_64'],
  });

  async function concurrency(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'PUT') {
      const wanted = z
        .object({ ReservedConcurrentExecutions: z.number().int().min(0) })
        .safeParse(parseJson((await readBody(request)).toString()));
      if (!wanted.success)
        return refuse(
          response,
          400,
          'InvalidParameterValueException',
          'ReservedConcurrentExecutions is a whole number',
        );
      reserved = wanted.data.ReservedConcurrentExecutions;
      return send(response, 200, { ReservedConcurrentExecutions: reserved });
    }
    if (request.method === 'DELETE') {
      reserved = undefined;
      response.writeHead(204);
      return void response.end();
    }
    send(response, 200, reserved === undefined ? {} : { ReservedConcurrentExecutions: reserved });
  }

  /** Which IAM action a request needs. */
  function actionOf(method: string, path: string): string {
    if (path.endsWith('/invocations')) return 'lambda:InvokeFunction';
    if (path.includes('/account-settings')) return 'lambda:GetAccountSettings';
    if (path.endsWith('/concurrency'))
      return method === 'PUT'
        ? 'lambda:PutFunctionConcurrency'
        : method === 'DELETE'
          ? 'lambda:DeleteFunctionConcurrency'
          : 'lambda:GetFunctionConcurrency';
    if (path.endsWith('/configuration')) return 'lambda:GetFunctionConfiguration';
    if (/\/functions\/[^/]+$/.test(path)) return 'lambda:GetFunction';
    return 'lambda:Unknown';
  }

  async function answer(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const action = actionOf(request.method ?? 'GET', path);
    if (world().expiredCredentials)
      return refuse(response, 403, 'ExpiredTokenException', 'The security token included in the request is expired');
    if (world().accessDenied.includes(action))
      return refuse(
        response,
        403,
        'AccessDeniedException',
        `User: arn:aws:sts::${ACCOUNT}:assumed-role/rescan-bot/bot is not authorized to perform: ${action} on resource: ${configuration().FunctionArn}`,
      );
    if (path.includes('/account-settings')) {
      const { account, unreserved } = world().concurrency;
      return send(response, 200, {
        AccountLimit: {
          ConcurrentExecutions: account,
          UnreservedConcurrentExecutions: unreserved - (reserved ?? 0),
          TotalCodeSize: 80_530_636_800,
          CodeSizeUnzipped: 262_144_000,
          CodeSizeZipped: 52_428_800,
        },
        AccountUsage: { FunctionCount: 1, TotalCodeSize: 48_211 },
      });
    }
    const name = decodeURIComponent(/\/functions\/([^/]+)/.exec(path)?.[1] ?? '');
    const asked = name.includes(':function:') ? name.split(':function:')[1] : name;
    if (world().functionMissing || asked !== ports.functionName)
      return refuse(
        response,
        404,
        'ResourceNotFoundException',
        `Function not found: arn:aws:lambda:us-east-1:${ACCOUNT}:function:${asked}`,
      );
    if (action === 'lambda:InvokeFunction') return invoke(request, response);
    if (path.endsWith('/concurrency')) return concurrency(request, response);
    if (path.endsWith('/configuration')) return send(response, 200, configuration());
    if (action === 'lambda:GetFunction')
      return send(response, 200, {
        Configuration: configuration(),
        Code: { RepositoryType: 'S3' },
        ...(reserved === undefined ? {} : { Concurrency: { ReservedConcurrentExecutions: reserved } }),
      });
    return refuse(
      response,
      404,
      'UnknownOperationException',
      `The local AWS has no such operation: ${request.method} ${path}`,
    );
  }
  return {
    answer,
    reset: () => {
      reserved = undefined;
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'x-amzn-requestid': randomUUID() });
  response.end(JSON.stringify(body));
}

function refuse(
  response: ServerResponse,
  status: number,
  type: string,
  message: string,
  more: Record<string, string> = {},
): void {
  response.setHeader('x-amzn-errortype', type);
  send(response, status, { Type: 'User', message, ...more });
}
