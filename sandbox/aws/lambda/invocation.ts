import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { readBody } from '../http.ts';
import type { LogRing } from '../logs/log-ring.ts';
import type { MetricStore } from '../logs/metric-store.ts';
import { answerCheck, isWrapped, logWrappedFailure, workingHandler } from '../ocr/failure-wrapper.ts';
import { type FunctionReply, moduleErrorOf, runOcr, runtimeError } from '../ocr/ocr.ts';
import type { Team } from '../ocr/team.ts';
import { between, type FailureKind, type World } from '../world.ts';
import { createEnvironments, platformLines } from './execution.ts';
import type { FunctionRevision, FunctionState } from './function-state.ts';
import type { FunctionTable } from './function-table.ts';
import { importErrorOf } from './import-error.ts';
import type { Invocations } from './invocations.ts';
import { LambdaRefusal } from './lambda-http.ts';

export interface InvocationPorts {
  readonly functionName: string;
  readonly imageBucket: string;
  readonly world: () => World;
  readonly random: () => number;
  readonly state: FunctionState;
  readonly table: FunctionTable;
  readonly team: Team;
  readonly s3: S3Client;
  readonly invocations: Invocations;
  readonly logs: LogRing;
  readonly metrics: MetricStore;
  /** Reserved concurrency of the function, or undefined. */
  readonly reserved: () => number | undefined;
}

/** The largest payload of a synchronous invocation (Lambda quotas, "Invocation payload"). */
const MOST_REQUEST_BYTES = 6 * 1024 * 1024;
const eventSchema = z.object({
  Records: z
    .array(
      z.object({ s3: z.object({ bucket: z.object({ name: z.string() }), object: z.object({ key: z.string() }) }) }),
    )
    .min(1),
});

/** Invoke: checks the limits of the function, runs a copy, and writes the log and the metrics. */
export function createInvoker(ports: InvocationPorts) {
  const { world, invocations, metrics, state } = ports;
  const environments = createEnvironments(ports.random);
  const dimensions = { FunctionName: ports.functionName };
  let modelCalls: number[] = [];
  /** Images whose records were stored since `writesNothing` is on. */
  let storedFirst = 0;

  function modelTakes(): boolean {
    const limit = world().bedrockPerMinute;
    const now = Date.now();
    modelCalls = modelCalls.filter((at) => at > now - 60_000);
    if (limit > 0 && modelCalls.length >= limit) return false;
    modelCalls.push(now);
    return true;
  }

  function stores(): boolean {
    const { writesNothing, writesFirst } = world();
    if (!writesNothing) storedFirst = 0;
    else if (storedFirst >= writesFirst) return false;
    else storedFirst += 1;
    return true;
  }

  /** The Lambda `Reason` with which the next invocation is refused (429), or undefined. */
  function throttle(): string | undefined {
    const reserved = ports.reserved();
    if (invocations.inFlight() >= (reserved ?? world().concurrency.unreserved))
      return reserved === undefined
        ? 'ConcurrentInvocationLimitExceeded'
        : 'ReservedFunctionConcurrentInvocationLimitExceeded';
    const { functionPerMinute } = world();
    return functionPerMinute > 0 && invocations.inLastMinute(Date.now()) >= functionPerMinute
      ? 'CallerRateLimitExceeded'
      : undefined;
  }

  function failureFor(key: string): { kind: FailureKind; message: string | undefined } | undefined {
    for (const failure of world().failures)
      if ((failure.match === undefined || key.includes(failure.match)) && ports.random() < failure.rate)
        return { kind: failure.kind, message: failure.message };
    return;
  }

  /** `event`: one that names no image. */
  async function run(bucket: string, key: string, revision: FunctionRevision, event?: unknown) {
    const requestId = randomUUID();
    const startedAt = Date.now();
    invocations.begin(key, startedAt);
    metrics.record('AWS/Lambda', 'ConcurrentExecutions', dimensions, invocations.inFlight());
    const environment = environments.take(revision, startedAt);
    const lines = platformLines(ports.logs, environment, requestId, revision.version, world().logFormat);
    const isQuiet = world().functionWork === 'none';
    if (!isQuiet) lines.started();
    const timeoutMs = revision.timeoutSeconds * 1_000;
    const latency = between(world().latencyMs, ports.random);
    if (latency > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(latency, timeoutMs)));
    const failure = latency > timeoutMs ? { kind: 'timeout-new' as const, message: undefined } : failureFor(key);
    const reply =
      event === undefined
        ? await execute(bucket, key, revision, {
            requestId,
            logStream: environment.stream,
            say: lines.say,
            startedAt,
            failure,
          })
        : withoutImage(event, revision, lines.say);
    const endedAt = Date.now();
    const durationMs = reply.kind.startsWith('timeout') ? timeoutMs : endedAt - startedAt + ports.random();
    const usedMb =
      reply.kind === 'out-of-memory' ? revision.memorySizeMb : Math.round(between(world().memoryMb, ports.random));
    if (!isQuiet) lines.ended(reply, { durationMs, memorySizeMb: revision.memorySizeMb, usedMb });
    metrics.record('AWS/Lambda', 'Invocations', dimensions, 1);
    metrics.record('AWS/Lambda', 'Errors', dimensions, reply.functionError === undefined ? 0 : 1);
    metrics.record('AWS/Lambda', 'Duration', dimensions, durationMs);
    metrics.record('AWS/Lambda', 'Throttles', dimensions, 0);
    if (!reply.killed) environments.giveBack(environment);
    invocations.end({ requestId, key, startedAt, endedAt, reply: reply.kind });
    return { requestId, reply };
  }

  /** The error at the start of the function, if it cannot be loaded. */
  function unloaded(revision: FunctionRevision): FunctionReply | undefined {
    // The failure logging module imports the previous handler when it loads. When that import fails, the module does
    // not run either.
    for (const handler of [revision.handler, workingHandler(revision)]) {
      const error = world().packageType === 'Image' ? undefined : importErrorOf(handler, revision.content);
      if (error) return runtimeError(error.errorType, error.errorMessage, 'import-error');
    }
    return moduleErrorOf(revision);
  }

  /** Runs the deployed package on an event that names no image: the handler raises, unless failure logging answers itself. */
  function withoutImage(event: unknown, revision: FunctionRevision, say: (message: string) => void): FunctionReply {
    const failed = unloaded(revision) ?? answerCheck(event, revision);
    if (failed) return failed;
    const records = z.object({ Records: z.array(z.unknown()) }).safeParse(event);
    if (isWrapped(revision))
      say('RESCAN_FAILURE_LOGGING not written: image=null error=LookupError: the event names no image\n');
    return records.success
      ? runtimeError('IndexError', 'list index out of range', 'crash')
      : runtimeError('KeyError', "'Records'", 'crash');
  }

  /** Runs the deployed package on one image. */
  async function execute(
    bucket: string,
    key: string,
    revision: FunctionRevision,
    about: {
      requestId: string;
      logStream: string;
      say: (message: string) => void;
      startedAt: number;
      failure: { kind: FailureKind; message: string | undefined } | undefined;
    },
  ): Promise<FunctionReply> {
    const { requestId, say, failure } = about;
    const failed = unloaded(revision);
    if (failed) return failed;
    const reply = await runOcr(bucket, key, {
      s3: ports.s3,
      table: ports.table,
      team: ports.team,
      revision,
      metrics,
      world,
      modelTakes,
      stores,
      now: () => Date.now() + world().clockAheadMs,
      requestId,
      failWith: failure?.kind,
      failMessage: failure?.message,
      log: (level, message) => say(`[${level}] ${new Date().toISOString()} ${requestId} ${message}\n`),
    });
    if (isWrapped(revision))
      await logWrappedFailure(key, reply, {
        revision,
        table: ports.table,
        now: Date.now,
        bucket,
        logStream: about.logStream,
        durationSeconds: (Date.now() - about.startedAt) / 1_000,
        imageBytes: () =>
          ports.s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key })).then(
            ({ ContentLength }) => ContentLength,
            // The module does not check that the image exists.
            () => undefined,
          ),
        print: (line) => say(`${line}\n`),
      });
    return reply;
  }

  /** What an invocation runs: the image, the revision and the event. @throws LambdaRefusal */
  function accept(body: Buffer, qualifier: string | undefined) {
    if (body.length > MOST_REQUEST_BYTES)
      throw new LambdaRefusal(
        413,
        'RequestTooLargeException',
        `Request must be smaller than ${MOST_REQUEST_BYTES} bytes for the InvokeFunction operation`,
      );
    const payload = body.length === 0 ? {} : parseJson(body.toString('utf8'));
    if (payload === undefined)
      throw new LambdaRefusal(400, 'InvalidRequestContentException', 'Could not parse request body into json');
    const record = eventSchema.safeParse(payload).data?.Records[0];
    const reason = throttle();
    if (reason) {
      metrics.record('AWS/Lambda', 'Throttles', dimensions, 1);
      throw new LambdaRefusal(429, 'TooManyRequestsException', 'Rate Exceeded.', { Reason: reason });
    }
    const revision = qualifier === undefined ? state.running() : (state.revision(qualifier) ?? state.running());
    const { bucket, object } = record?.s3 ?? { bucket: { name: '' }, object: { key: '' } };
    const event = record ? undefined : payload;
    const bucketName =
      world().bucketMissing && bucket.name === ports.imageBucket ? `${bucket.name}-is-gone` : bucket.name;
    return { revision, run: () => run(bucketName, object.key, revision, event) };
  }

  return {
    /** A synchronous invocation by another service of AWS. @throws LambdaRefusal */
    async invokeInside(body: Buffer, qualifier: string | undefined) {
      const accepted = accept(body, qualifier);
      const { requestId, reply } = await accepted.run();
      return { requestId, reply, version: accepted.revision.version };
    },
    /** @throws LambdaRefusal */
    async invoke(request: IncomingMessage, response: ServerResponse, qualifier: string | undefined): Promise<void> {
      const accepted = accept(await readBody(request), qualifier);
      const { revision } = accepted;
      if (request.headers['x-amz-invocation-type'] === 'Event') {
        // Lambda answers at once and retries a failed asynchronous event twice.
        void (async () => {
          for (let attempt = 0; attempt < 3; attempt++) {
            const { reply } = await accepted.run();
            if (reply.functionError === undefined) return;
          }
        })();
        response.writeHead(202, { 'x-amzn-requestid': randomUUID() });
        return void response.end();
      }
      const { requestId, reply } = await accepted.run();
      if (world().brokenConnections > 0 && ports.random() < world().brokenConnections) {
        request.socket.destroy();
        return;
      }
      response.writeHead(200, {
        'content-type': 'application/json',
        'x-amzn-requestid': requestId,
        'x-amz-executed-version': revision.version,
        ...(reply.functionError === undefined ? {} : { 'x-amz-function-error': reply.functionError }),
      });
      response.end(reply.payload);
    },
    reset() {
      environments.clear();
      modelCalls = [];
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
