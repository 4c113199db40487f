import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { isForeignOrigin, refusalOfAccess } from '../slack/access.ts';
import { createBrokenAnswers, isLambda } from './broken-answers.ts';
import { callerOf, createCallers, OBSERVER } from './callers.ts';
import { AUTO_SCALING, startDynamoDb } from './dynamodb/server.ts';
import { readBody, readJson, refusalOfSignature, sendJson, sendJsonError } from './http.ts';
import { createFunctionTable } from './lambda/function-table.ts';
import { createInvocations } from './lambda/invocations.ts';
import { createLambda } from './lambda/lambda.ts';
import { createLogRing } from './logs/log-ring.ts';
import { createLogs } from './logs/logs.ts';
import { createMetricStore } from './logs/metric-store.ts';
import { createMetrics, sendMetricsError } from './logs/metrics.ts';
import { invoiceTeam } from './ocr/invoice.ts';
import { type InvoiceTable, invoiceKeys, TIMESHEET_TEAM } from './ocr/team.ts';
import type { TableKeys } from './ocr/timesheet.ts';
import { createQuotas } from './quotas.ts';
import { startS3 } from './s3.ts';
import { createPipelineTable, deletePipelineTable, seedBucket, seedTable } from './seed.ts';
import { createStepFunctions } from './step-functions/api.ts';
import { createViews } from './views.ts';
import { between, defaultWorld, turnDials, type World, WorldError } from './world.ts';

export interface LocalAwsOptions {
  /** 0: any free port. */
  readonly port?: number;
  readonly host?: string;
  readonly images?: number;
  /** `full`: the table contains the records of an earlier rescan. */
  readonly seedTable?: 'full' | 'empty';
  readonly bucket?: string;
  readonly table?: string;
  readonly functionName?: string;
  /** The key attributes of the table, where they have other names. */
  readonly keys?: TableKeys;
  /** The pipeline of another team, which reads invoices (ocr/invoices.yml). */
  readonly invoices?: InvoiceTable;
  readonly controlBucket?: string;
  /** How long a table stays CREATING or DELETING, ms; 0 when absent. */
  readonly tableChangeMs?: number;
}

export interface LocalAws {
  readonly url: string;
  readonly port: number;
  world(): World;
  /** @throws WorldError */
  turn(change: unknown): World;
  close(): Promise<void>;
}

/** Another program uses the port. */
export class PortInUseError extends Error {
  override readonly name = 'PortInUseError';
  readonly port: number;
  constructor(port: number) {
    super(`Port ${port} is in use by another program. End it, or choose another port with --port.`);
    this.port = port;
  }
}

/** Pseudo-random numbers that are the same in every process. */
function seededNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** The names of the pipeline where nothing else is asked for. */
export const PIPELINE_NAMES = {
  bucket: 'timesheetocr-input-dev-016164185850',
  functionName: 'TimesheetOCR-ocr-dev',
  table: 'TimesheetOCR-dev',
  controlBucket: 'rescan-bot-control',
} as const;

/**
 * A small AWS on one port: S3, DynamoDB, Lambda with one OCR function, Step Functions, CloudWatch (logs and metrics),
 * Service Quotas and STS. A client needs only `AWS_ENDPOINT_URL`. The pipeline is seeded, and `/sandbox/world` sets its faults.
 * @throws PortInUseError
 */
export async function startLocalAws(options: LocalAwsOptions = {}): Promise<LocalAws> {
  const host = options.host ?? '127.0.0.1';
  const names = {
    bucket: options.bucket ?? PIPELINE_NAMES.bucket,
    table: options.table ?? PIPELINE_NAMES.table,
    keys: options.invoices ? invoiceKeys(options.invoices) : options.keys,
    team: options.invoices ? invoiceTeam(options.invoices) : TIMESHEET_TEAM,
  };
  const functionName = options.functionName ?? PIPELINE_NAMES.functionName;
  const images = options.images ?? 240;
  let world = defaultWorld();
  const now = () => world;
  const random = seededNumbers(20_251_121);

  const invocations = createInvocations();
  const logs = createLogRing(() => between(world.logDelayMs, random));
  const brokenAnswers = createBrokenAnswers(now, random);
  const metrics = createMetricStore();
  const callers = createCallers();
  const dynamo = await startDynamoDb(now, random, {
    table: names.table,
    metrics,
    tableChangeMs: options.tableChangeMs ?? 0,
    async putObject(Bucket, Key, Body) {
      // DynamoDB writes an export with the permissions of its caller.
      if (world.accessDenied.includes('s3:PutObject'))
        throw Object.assign(new Error('Access Denied'), { name: 'AccessDenied' });
      await s3Client.send(new PutObjectCommand({ Bucket, Key, Body, ContentLength: Body.length }));
    },
  });
  const s3 = await startS3(now, names.bucket);
  const inside = { region: 'us-east-1', credentials: { accessKeyId: 'inside', secretAccessKey: 'inside' } };
  const dynamodbClient = new DynamoDBClient({ ...inside, endpoint: dynamo.url });
  const s3Client = new S3Client({ ...inside, endpoint: s3.url, forcePathStyle: true });
  const lambda = createLambda({
    functionName,
    table: names.table,
    imageBucket: names.bucket,
    world: now,
    random,
    team: names.team,
    functionTable: createFunctionTable({ client: dynamodbClient, functionName, world: now, metrics, keys: names.keys }),
    s3: s3Client,
    invocations,
    logs,
    metrics,
  });
  const answerLogs = createLogs(`/aws/lambda/${functionName}`, logs, now);
  const answerMetrics = createMetrics(metrics);
  const answerQuotas = createQuotas(now);
  const views = createViews({ dynamodb: dynamodbClient, s3: s3Client, ...names });
  const stepFunctions = createStepFunctions({
    world: now,
    s3: s3Client,
    services: {
      invoke: lambda.invokeInside,
      dynamodb: dynamo.executeInside,
      headObject: (bucket, key) =>
        world.bucketMissing && bucket === names.bucket
          ? Promise.resolve({ status: 404, size: undefined })
          : views.head(bucket, key),
    },
  });

  async function fillTable(): Promise<void> {
    await createPipelineTable(dynamodbClient, names);
    if (options.seedTable !== 'empty') await seedTable(dynamodbClient, names, images);
  }

  async function control(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const counts = () => {
      const { byKey: _keys, last: _last, ...summary } = invocations.summary();
      return summary;
    };
    const limit = Math.min(1_000, Number(url.searchParams.get('limit') ?? 100) || 100);
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /sandbox/world':
        return sendJson(response, 200, { ...world, invocations: counts() });
      case 'POST /sandbox/world': {
        const change = await readJson(request);
        try {
          const resets = typeof change === 'object' && change !== null && 'reset' in change && change.reset === true;
          world = resets ? defaultWorld() : turnDials(world, change);
          return sendJson(response, 200, { ...world, invocations: counts() });
        } catch (error) {
          if (!(error instanceof WorldError)) throw error;
          return sendJson(response, 400, { error: error.message });
        }
      }
      case 'POST /sandbox/reset':
        world = defaultWorld();
        invocations.clear();
        logs.clear();
        metrics.clear();
        callers.clear();
        lambda.reset();
        stepFunctions.reset();
        dynamo.clearAutoScaling();
        await deletePipelineTable(dynamodbClient, names);
        await fillTable();
        return sendJson(response, 200, { ...world, invocations: counts() });
      case 'GET /sandbox/invocations':
        return sendJson(response, 200, invocations.summary());
      case 'GET /sandbox/callers':
        return sendJson(response, 200, { calls: callers.calls() });
      case 'GET /sandbox/function':
        return sendJson(response, 200, lambda.view());
      case 'GET /sandbox/step-functions':
        return sendJson(response, 200, stepFunctions.view(limit));
      case 'GET /sandbox/metrics':
        return sendJson(response, 200, { metrics: metrics.totals() });
      case 'GET /sandbox/log':
        return sendJson(response, 200, { lines: logs.lines().slice(-limit) });
      case 'GET /sandbox/table':
        return sendJson(response, 200, await views.table(limit, url.searchParams.get('kind') ?? undefined));
      case 'GET /sandbox/bucket':
        return sendJson(response, 200, await views.bucket(limit));
      case 'GET /sandbox/object':
      case 'PUT /sandbox/object':
      case 'DELETE /sandbox/object':
        return answerObject(request, response, url.searchParams.get('key') ?? '');
      default:
        return sendJson(response, 404, { error: `There is no ${request.method} ${url.pathname}` });
    }
  }

  /** Reads, stores or deletes one image of the bucket, for the World pane. */
  async function answerObject(request: IncomingMessage, response: ServerResponse, key: string): Promise<void> {
    if (key === '') return sendJson(response, 400, { error: 'Name the image: ?key=' });
    if (request.method === 'PUT') {
      const contentType = request.headers['content-type'] ?? 'application/octet-stream';
      await views.putObject(key, await readBody(request), contentType);
      return sendJson(response, 200, { key });
    }
    if (request.method === 'DELETE') {
      await views.removeObject(key);
      return sendJson(response, 200, { key });
    }
    const found = await views.object(key);
    if (!found) return sendJson(response, 404, { error: `There is no ${key}` });
    response.writeHead(200, { 'content-type': found.contentType, 'x-content-type-options': 'nosniff' });
    response.end(found.bytes);
  }

  async function answerSts(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = new URLSearchParams((await readBody(request)).toString('utf8'));
    const action = form.get('Action') ?? '';
    const send = (status: number, body: string) => {
      response.writeHead(status, { 'content-type': 'text/xml' });
      response.end(body);
    };
    const refuse = (status: number, code: string, message: string) =>
      send(
        status,
        `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
      );
    if (world.expiredCredentials)
      return refuse(403, 'ExpiredToken', 'The security token included in the request is expired');
    if (action !== 'GetCallerIdentity') return refuse(400, 'InvalidAction', 'The local AWS has no such action of STS');
    send(
      200,
      `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:sts::016164185850:assumed-role/rescan-bot/bot</Arn><UserId>AROASANDBOX:bot</UserId><Account>016164185850</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata></GetCallerIdentityResponse>`,
    );
  }

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const isPackage = url.pathname.startsWith('/sandbox/packages/');
    const isControl = url.pathname.startsWith('/sandbox/') && !isPackage;
    const refusal = isControl || isForeignOrigin(request) ? refusalOfAccess(request) : undefined;
    if (refusal !== undefined) return sendJson(response, 403, { error: refusal });
    if (isControl) return control(request, response, url);
    const time = Date.now() + world.clockAheadMs;
    response.setHeader('date', new Date(time).toUTCString());
    const isDisturbed = callerOf(request) !== OBSERVER;
    if (world.outage && isDisturbed) return void request.socket.destroy();
    if (isDisturbed && world.proxyErrors > 0 && random() < world.proxyErrors) {
      request.resume();
      response.writeHead(503, { 'content-type': 'text/html' });
      return void response.end('<html><head><title>503 Service Unavailable</title></head></html>');
    }
    callers.note(request, url.pathname, Date.now());
    if (isDisturbed && brokenAnswers.interfere(request, response)) return;
    if (isPackage) return lambda.answerPackage(url, response);
    const late = world.checksSignatureTime ? refusalOfSignature(request, time) : undefined;
    if (late !== undefined) return sendJsonError(response, 'InvalidSignatureException', late, 403);
    const [service = '', operation = ''] = String(request.headers['x-amz-target'] ?? '').split('.');
    if (service.startsWith('DynamoDB_')) return dynamo.answer(request, response, operation);
    if (service !== '') {
      const [iam, answer] = service.startsWith('Logs_')
        ? (['logs', answerLogs] as const)
        : service.startsWith('ServiceQuotas')
          ? (['servicequotas', answerQuotas] as const)
          : service.startsWith('GraniteServiceVersion')
            ? (['cloudwatch', answerMetrics] as const)
            : service === 'AWSStepFunctions'
              ? (['states', stepFunctions.answer] as const)
              : service === AUTO_SCALING
                ? (['application-autoscaling', dynamo.answerAutoScaling] as const)
                : (['', undefined] as const);
      const refuse = iam === 'cloudwatch' ? sendMetricsError : sendJsonError;
      if (world.expiredCredentials)
        return refuse(response, 'ExpiredTokenException', 'The security token included in the request is expired');
      if (world.accessDenied.includes(`${iam}:${operation}`))
        return refuse(
          response,
          'AccessDeniedException',
          `User: arn:aws:sts::016164185850:assumed-role/rescan-bot/bot is not authorized to perform: ${iam}:${operation}`,
        );
      if (answer) return answer(request, response, operation);
      return sendJsonError(response, 'UnknownOperationException', `The local AWS has no ${service}.${operation}`);
    }
    if (isLambda(url.pathname)) return lambda.answer(request, response, url);
    const form = String(request.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded');
    if (request.method === 'POST' && url.pathname === '/' && form) return answerSts(request, response);
    if (isDisturbed && (await brokenAnswers.interfereInS3(request, response))) return;
    return s3.answer(request, response);
  }

  const server = createServer((request, response) => {
    route(request, response).catch((error: unknown) => {
      console.error('The local AWS failed:', error);
      if (!response.headersSent) sendJson(response, 500, { error: String(error) });
      else response.destroy();
    });
  });
  // Clients close idle connections. A server that closes one as the next request arrives resets it.
  server.keepAliveTimeout = 0;
  async function closeParts(): Promise<void> {
    dynamodbClient.destroy();
    s3Client.destroy();
    await dynamo.close();
    await s3.close();
  }
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(options.port ?? 4391, host, resolve);
    });
  } catch (error) {
    await closeParts();
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')
      throw new PortInUseError(options.port ?? 4391);
    throw error;
  }
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The local AWS did not listen on a port.');
  s3.createBucket(names.bucket);
  s3.createBucket(options.controlBucket ?? PIPELINE_NAMES.controlBucket);
  await Promise.all([seedBucket(s3, names, images), fillTable()]);

  return {
    url: `http://${host}:${address.port}`,
    port: address.port,
    world: now,
    turn(change) {
      world = turnDials(world, change);
      return world;
    },
    async close() {
      stepFunctions.reset();
      await dynamo.settle();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await closeParts();
    },
  };
}
