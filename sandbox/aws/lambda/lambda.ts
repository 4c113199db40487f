import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { readBody } from '../http.ts';
import type { Team } from '../ocr/team.ts';
import { createPackageUrls, MOST_DIRECT_BYTES, publishVersion, tooLarge, updateCode } from './function-code.ts';
import { configurationOf, updateConfiguration } from './function-configuration.ts';
import { ACCOUNT, createFunctionState, type FunctionRevision } from './function-state.ts';
import type { FunctionTable } from './function-table.ts';
import { createInvoker, type InvocationPorts } from './invocation.ts';
import { badParameter, LambdaRefusal, sendLambda, sendRefusal } from './lambda-http.ts';

export interface LambdaPorts extends Omit<InvocationPorts, 'state' | 'table' | 'reserved'> {
  /** Name of the pipeline's table. */
  readonly table: string;
  readonly functionTable: FunctionTable;
  readonly team: Team;
}

const VERSIONS_A_PAGE = 50;
/** The REST paths below `/functions/{name}` and their IAM actions. */
const ACTIONS: Readonly<Record<string, string>> = {
  'POST invocations': 'InvokeFunction',
  'GET concurrency': 'GetFunctionConcurrency',
  'PUT concurrency': 'PutFunctionConcurrency',
  'DELETE concurrency': 'DeleteFunctionConcurrency',
  'GET configuration': 'GetFunctionConfiguration',
  'PUT configuration': 'UpdateFunctionConfiguration',
  'PUT code': 'UpdateFunctionCode',
  'POST versions': 'PublishVersion',
  'GET versions': 'ListVersionsByFunction',
  'GET ': 'GetFunction',
};

interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly qualifier: string | undefined;
}

/** The Lambda API with its one function, on the REST paths that the SDK uses. */
export function createLambda(ports: LambdaPorts) {
  const { world } = ports;
  const state = createFunctionState(ports);
  const packages = createPackageUrls(state, world);
  let reserved: number | undefined;
  const invoker = createInvoker({ ...ports, state, table: ports.functionTable, reserved: () => reserved });
  const shown = (revision: FunctionRevision) => configurationOf(revision, state, world());

  async function bodyOf(request: IncomingMessage): Promise<unknown> {
    const body = await readBody(request);
    if (body.length > MOST_DIRECT_BYTES) throw tooLarge();
    try {
      return JSON.parse(body.toString('utf8') || '{}');
    } catch {
      throw new LambdaRefusal(400, 'InvalidRequestContentException', 'Could not parse request body into json');
    }
  }

  function revisionOf(qualifier: string | undefined): FunctionRevision {
    const revision = state.revision(qualifier);
    if (revision) return revision;
    throw notFound(`Function not found: ${state.arn(qualifier)}`);
  }

  async function concurrency({ request, response }: Asked): Promise<void> {
    if (request.method === 'PUT') {
      const wanted = z
        .object({ ReservedConcurrentExecutions: z.number().int().min(0) })
        .safeParse(await bodyOf(request));
      if (!wanted.success) throw badParameter('ReservedConcurrentExecutions is a whole number');
      reserved = wanted.data.ReservedConcurrentExecutions;
      return sendLambda(response, 200, { ReservedConcurrentExecutions: reserved });
    }
    if (request.method === 'DELETE') {
      reserved = undefined;
      response.writeHead(204);
      return void response.end();
    }
    sendLambda(response, 200, reserved === undefined ? {} : { ReservedConcurrentExecutions: reserved });
  }

  function describe({ request, response, qualifier }: Asked): void {
    const revision = revisionOf(qualifier);
    const isZip = world().packageType === 'Zip';
    const image = `${ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/timesheet-ocr`;
    sendLambda(response, 200, {
      Configuration: shown(revision),
      Code: isZip
        ? { RepositoryType: 'S3', Location: packages.of(revision.content, `http://${request.headers.host}`) }
        : {
            RepositoryType: 'ECR',
            ImageUri: `${image}:latest`,
            ResolvedImageUri: `${image}@sha256:${shown(revision).CodeSha256}`,
          },
      ...(reserved === undefined ? {} : { Concurrency: { ReservedConcurrentExecutions: reserved } }),
    });
  }

  function listVersions({ response, url }: Asked): void {
    const all = [state.latest(), ...state.versions()];
    const from = Number(url.searchParams.get('Marker') ?? 0);
    const size = Math.min(Number(url.searchParams.get('MaxItems') ?? VERSIONS_A_PAGE), VERSIONS_A_PAGE);
    if (!Number.isInteger(from) || !(size >= 1)) throw badParameter('The Marker or MaxItems is not valid.');
    sendLambda(response, 200, {
      Versions: all.slice(from, from + size).map(shown),
      ...(from + size < all.length ? { NextMarker: String(from + size) } : {}),
    });
  }

  const operations: Readonly<Record<string, (asked: Asked) => void | Promise<void>>> = {
    InvokeFunction: ({ request, response, qualifier }) => {
      if (qualifier !== undefined) revisionOf(qualifier);
      return invoker.invoke(request, response, qualifier);
    },
    GetFunctionConcurrency: concurrency,
    PutFunctionConcurrency: concurrency,
    DeleteFunctionConcurrency: concurrency,
    GetFunctionConfiguration: ({ response, qualifier }) => sendLambda(response, 200, shown(revisionOf(qualifier))),
    GetFunction: describe,
    UpdateFunctionConfiguration: async ({ request, response }) =>
      sendLambda(response, 200, shown(updateConfiguration(await bodyOf(request), state, world()))),
    UpdateFunctionCode: async ({ request, response }) => {
      const updated = await updateCode(await bodyOf(request), { state, world: world(), s3: ports.s3 });
      sendLambda(response, 200, shown(updated));
    },
    PublishVersion: async ({ request, response }) =>
      sendLambda(response, 201, shown(publishVersion(await bodyOf(request), state))),
    ListVersionsByFunction: listVersions,
  };

  function account(response: ServerResponse): void {
    const { account: all, unreserved } = world().concurrency;
    const size = state.latest().content.zip.length;
    sendLambda(response, 200, {
      AccountLimit: {
        ConcurrentExecutions: all,
        UnreservedConcurrentExecutions: unreserved - (reserved ?? 0),
        TotalCodeSize: 80_530_636_800,
        CodeSizeUnzipped: 262_144_000,
        CodeSizeZipped: 52_428_800,
      },
      AccountUsage: { FunctionCount: 1, TotalCodeSize: size * (1 + state.versions().length) },
    });
  }

  async function route(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const [, name = '', rest = ''] = /\/functions\/([^/]+)(?:\/([^/]*))?/.exec(url.pathname) ?? [];
    const isAccount = url.pathname.includes('/account-settings');
    const operation = isAccount ? 'GetAccountSettings' : (ACTIONS[`${request.method} ${rest}`] ?? 'Unknown');
    if (world().expiredCredentials)
      throw new LambdaRefusal(403, 'ExpiredTokenException', 'The security token included in the request is expired');
    if (world().accessDenied.includes(`lambda:${operation}`))
      throw new LambdaRefusal(
        403,
        'AccessDeniedException',
        `User: arn:aws:sts::${ACCOUNT}:assumed-role/rescan-bot/bot is not authorized to perform: lambda:${operation} on resource: ${isAccount ? '*' : state.arn()} because no identity-based policy allows the lambda:${operation} action`,
      );
    if (isAccount) return account(response);
    const [asked, inArn] = functionOf(decodeURIComponent(name));
    if (world().functionMissing || asked !== ports.functionName)
      throw notFound(`Function not found: arn:aws:lambda:us-east-1:${ACCOUNT}:function:${asked}`);
    const answer = operations[operation];
    if (!answer)
      throw new LambdaRefusal(
        404,
        'UnknownOperationException',
        `The local AWS has no such operation: ${request.method} ${url.pathname}`,
      );
    await answer({ request, response, url, qualifier: url.searchParams.get('Qualifier') ?? inArn });
  }

  return {
    async answer(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
      try {
        await route(request, response, url);
      } catch (error) {
        if (!(error instanceof LambdaRefusal)) throw error;
        sendRefusal(response, error);
      }
    },
    /** Invokes the function for another service of AWS. @throws LambdaRefusal */
    async invokeInside(name: string, payload: Buffer, qualifier: string | undefined) {
      const [asked, inArn] = functionOf(name);
      const wanted = qualifier ?? inArn;
      if (world().functionMissing || asked !== ports.functionName)
        throw notFound(`Function not found: arn:aws:lambda:us-east-1:${ACCOUNT}:function:${asked}`);
      if (wanted !== undefined) revisionOf(wanted);
      const { requestId, reply, version } = await invoker.invokeInside(payload, wanted);
      return { requestId, version, payload: reply.payload, functionError: reply.functionError };
    },
    /** Sends the package at an address that GetFunction returned. */
    answerPackage: packages.answer,
    /** The function as the World pane shows it. */
    view() {
      const latest = state.latest();
      const { handler, environment, content, revisionId, lastModified, timeoutSeconds, memorySizeMb } = latest;
      return {
        functionName: ports.functionName,
        handler,
        codeSha256: content.sha256,
        codeSize: content.zip.length,
        ocrVersion: content.ocr,
        environment,
        timeoutSeconds,
        memorySizeMb,
        revisionId,
        lastModified,
        lastUpdateStatus: state.updateStatus(),
        running: { handler: state.running().handler, codeSha256: state.running().content.sha256 },
        versions: state.versions().map((version) => ({
          version: version.version,
          handler: version.handler,
          codeSha256: version.content.sha256,
          description: version.description,
        })),
        files: content.files,
      };
    },
    reset() {
      reserved = undefined;
      state.reset();
      invoker.reset();
    },
  };
}

const notFound = (message: string): LambdaRefusal => new LambdaRefusal(404, 'ResourceNotFoundException', message);

/** The function name, with its qualifier when the path has one: `name`, `name:3`, or an ARN. */
function functionOf(asked: string): [name: string, qualifier: string | undefined] {
  const [name = '', qualifier] = (asked.split(':function:').at(-1) ?? '').split(':');
  return [name, qualifier];
}
