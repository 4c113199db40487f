import {
  GetFunctionCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { vi } from 'vitest';
import { z } from 'zod';
import { startLocalAws } from '../../../sandbox/aws/server.ts';
import type { Clock } from '../../../src/lib/clock.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { type AwsClients, createAwsClients } from '../../../src/pipeline/aws.ts';
import { FaultError } from '../../../src/pipeline/fault.ts';
import { DeployRefusedError } from '../../../src/pipeline/package/deploy-errors.ts';
import { readModuleSources } from '../../../src/pipeline/package/failure-module.ts';
import { type GivenPackage, planDeploy } from '../../../src/pipeline/package/function-package.ts';
import type { UpdatePorts } from '../../../src/pipeline/package/function-update.ts';
import type { PackageLocation } from '../../../src/pipeline/package/package-store.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import type { TableKey } from '../../../src/pipeline/table/table.ts';

export const FUNCTION = 'TimesheetOCR-ocr-dev';
export const MODULES = await readModuleSources();
/** The modules of another version of the bot. */
export const otherModules = (remark: string) => ({
  ...MODULES,
  'rescan_failure_record.py': `${MODULES['rescan_failure_record.py']}# ${remark}\n`,
});
export const KEYS: readonly TableKey[] = [
  { role: 'HASH', name: 'ResourceName', type: 'S' },
  { role: 'RANGE', name: 'DateProjectCode', type: 'S' },
];

const seenSchema = z.object({
  handler: z.string(),
  codeSha256: z.string(),
  environment: z.record(z.string(), z.string()),
  versions: z.array(z.looseObject({ version: z.string() })),
});

/** A local AWS with its function, and the real SDK. Updates take no time unless a test sets it. */
export async function startDeployRig() {
  const aws = await startLocalAws({ port: 0, images: 2, seedTable: 'empty' });
  aws.turn({ updateMs: 0, latencyMs: 1 });
  for (const [name, value] of Object.entries({
    AWS_ENDPOINT_URL: aws.url,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  }))
    vi.stubEnv(name, value);
  const clients: AwsClients = createAwsClients();
  const location: PackageLocation = { s3: clients.s3, bucket: 'rescan-bot-control', prefix: 'packages/' };
  const clock: Clock = { now: systemClock.now, sleep: (_, signal) => systemClock.sleep(1, signal) };
  const ports: UpdatePorts = { lambda: clients.lambda, location, clock };

  return {
    aws,
    clients,
    location,
    ports,
    plan: (
      about: {
        given?: GivenPackage;
        modules?: typeof MODULES;
        tableKeys?: readonly TableKey[];
        functionName?: string;
      } = {},
    ) =>
      planDeploy(
        { lambda: clients.lambda, location, modules: about.modules ?? MODULES },
        {
          functionName: about.functionName ?? FUNCTION,
          tableName: 'TimesheetOCR-dev',
          tableKeys: about.tableKeys ?? KEYS,
          keyEncoding: 'raw',
          modelId: 'us.amazon.nova-lite-v1:0',
          versionFile: 'OCR_VERSION.txt',
          failed: TIMESHEETS.failed,
          ...(about.given ? { given: about.given } : {}),
        },
      ),
    /** What is deployed. */
    async current() {
      const reply = await fetch(`${aws.url}/sandbox/function`);
      const { versions, ...rest } = seenSchema.parse(await reply.json());
      return { ...rest, versions: versions.length };
    },
    /** The bytes of the deployed package. */
    async deployedBytes(): Promise<Uint8Array> {
      const { Code } = await clients.lambda.send(new GetFunctionCommand({ FunctionName: FUNCTION }));
      return new Uint8Array(await (await fetch(Code?.Location ?? '')).arrayBuffer());
    },
    async storedKeys(): Promise<string[]> {
      const { Contents = [] } = await clients.s3.send(new ListObjectsV2Command({ Bucket: location.bucket }));
      return Contents.map(({ Key }) => Key ?? '').sort();
    },
    /** Somebody else changes the function. */
    async deployElsewhere(zip: Uint8Array): Promise<void> {
      await clients.lambda.send(new UpdateFunctionCodeCommand({ FunctionName: FUNCTION, ZipFile: zip }));
    },
    async configureElsewhere(change: { Handler?: string; Variables?: Record<string, string> }): Promise<void> {
      const { Handler, Variables } = change;
      await clients.lambda.send(
        new UpdateFunctionConfigurationCommand({
          FunctionName: FUNCTION,
          ...(Handler === undefined ? {} : { Handler }),
          ...(Variables === undefined ? {} : { Environment: { Variables } }),
        }),
      );
    },
    async close(): Promise<void> {
      for (const client of Object.values(clients)) client.destroy();
      vi.unstubAllEnvs();
      await aws.close();
    },
  };
}
export type DeployRig = Awaited<ReturnType<typeof startDeployRig>>;

/** Why a deploy was refused, or its result when it was not. */
export async function refusalOf(work: Promise<unknown>): Promise<unknown> {
  try {
    return { done: await work };
  } catch (error) {
    if (error instanceof DeployRefusedError) return error.refusal;
    if (error instanceof FaultError) return error.fault;
    throw error;
  }
}
