import { GetFunctionConfigurationCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { asFaultError } from '../aws.ts';
import { DeployRefusedError } from './deploy-errors.ts';
import type { DeployPlan } from './function-package.ts';
import { type PackageLocation, readStored } from './package-store.ts';

/** What an approval of a deploy is given on, besides the plan. */
export interface DeployFacts {
  readonly functionArn: string;
  readonly codeSha256: string;
  readonly handler: string;
  /** Changes with every change of the function's code and configuration. */
  readonly revisionId: string;
  /** Whether both packages are stored with exactly their bytes: the one to deploy, and the one of a rollback. */
  readonly areStored: boolean;
}

/** Reads what a planned deploy depends on, as it is now. @throws FaultError */
export async function readDeployFacts(
  { lambda, location }: { readonly lambda: LambdaClient; readonly location: PackageLocation },
  { functionName, former, next }: DeployPlan,
): Promise<DeployFacts> {
  const command = new GetFunctionConfigurationCommand({ FunctionName: functionName });
  const facts = await lambda.send(command).catch((error: unknown) => {
    throw asFaultError(error, {
      service: 'lambda',
      action: 'lambda:GetFunctionConfiguration',
      resource: functionName,
    });
  });
  return {
    functionArn: facts.FunctionArn ?? functionName,
    codeSha256: facts.CodeSha256 ?? '',
    handler: facts.Handler ?? '',
    revisionId: facts.RevisionId ?? '',
    areStored: (await isStored(location, former.codeSha256)) && (await isStored(location, next.codeSha256)),
  };
}

async function isStored(location: PackageLocation, codeSha256: string): Promise<boolean> {
  try {
    await readStored(location, codeSha256);
    return true;
  } catch (error) {
    if (error instanceof DeployRefusedError) return false;
    throw error;
  }
}
