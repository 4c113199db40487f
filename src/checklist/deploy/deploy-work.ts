import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { LambdaClient } from '@aws-sdk/client-lambda';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { readDeployFacts } from '../../pipeline/package/deploy-facts.ts';
import { readModuleSources } from '../../pipeline/package/failure-module.ts';
import { planDeploy, previewRollback } from '../../pipeline/package/function-package.ts';
import { carryOutDeploy, carryOutRollback, type DeployStage } from '../../pipeline/package/function-update.ts';
import type { PackageLocation } from '../../pipeline/package/package-store.ts';
import type { Profile } from '../../pipeline/profile/profile.ts';
import { describeTable } from '../../pipeline/table/table.ts';
import type { DeploysPorts } from './deploys.ts';

/** Deploys and rollbacks of the failure logging on the function and the table of the pipeline. */
export function createDeployWork(ports: {
  readonly dynamodb: DynamoDBClient;
  readonly lambda: LambdaClient;
  readonly packages: PackageLocation;
  readonly clock: Clock;
  readonly functionName: string;
  readonly tableName: string;
  readonly keyEncoding: 'raw' | 'url';
  readonly modelId: string;
  readonly versionFile: string;
  readonly failed: Profile['failed'];
  /** Called at the beginning of each stage, besides the hooks of the deploy. */
  readonly onStage: (stage: DeployStage) => void;
}): Pick<DeploysPorts, 'plan' | 'readFacts' | 'carryOut' | 'previewRollback' | 'rollBack'> {
  const {
    lambda,
    packages: location,
    clock,
    functionName,
    tableName,
    keyEncoding,
    modelId,
    versionFile,
    failed,
  } = ports;
  const announced = (onStage: (stage: DeployStage) => void) => (stage: DeployStage) => {
    ports.onStage(stage);
    onStage(stage);
  };
  return {
    async plan(given) {
      const [{ keys }, modules] = await Promise.all([describeTable(ports.dynamodb, tableName), readModuleSources()]);
      const target = { functionName, tableName, tableKeys: keys, keyEncoding, modelId, versionFile, failed };
      return planDeploy({ lambda, location, modules }, { ...target, ...defined({ given }) });
    },
    readFacts: (plan) => readDeployFacts({ lambda, location }, plan),
    carryOut: (plan, { signal, onStage }) =>
      carryOutDeploy({ lambda, location, clock, signal }, plan, announced(onStage)),
    previewRollback: (plan) => previewRollback({ lambda, versionFile }, plan),
    rollBack: (plan, { signal, onStage, keeps }) =>
      carryOutRollback({ lambda, location, clock, signal }, plan, announced(onStage), keeps),
  };
}
