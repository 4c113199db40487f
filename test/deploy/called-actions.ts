import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Operations whose IAM action has another name, or which need several (AWS's service authorization reference). */
const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
  's3:HeadObject': ['s3:GetObject'],
  's3:HeadBucket': ['s3:ListBucket'],
  's3:ListObjectsV2': ['s3:ListBucket'],
  's3:ListObjectVersions': ['s3:ListBucketVersions'],
  's3:ListMultipartUploads': ['s3:ListBucketMultipartUploads'],
  's3:CreateMultipartUpload': ['s3:PutObject'],
  's3:UploadPart': ['s3:PutObject'],
  's3:CompleteMultipartUpload': ['s3:PutObject'],
  's3:CopyObject': ['s3:GetObject', 's3:PutObject'],
  's3:DeleteObjects': ['s3:DeleteObject'],
  // DynamoDB writes the export with the permissions of the caller (DynamoDB developer guide, "Requesting a table export").
  'dynamodb:ExportTableToPointInTime': ['dynamodb:ExportTableToPointInTime', 's3:PutObject', 's3:PutObjectAcl'],
  'lambda:Invoke': ['lambda:InvokeFunction'],
  // A transaction needs the permissions of the writes in it (DynamoDB developer guide, "IAM policies for transactions").
  'dynamodb:TransactWriteItems': ['dynamodb:PutItem', 'dynamodb:DeleteItem'],
  // Tags and a resource policy that CreateTable sets need permissions of their own (DynamoDB API reference, CreateTable).
  'dynamodb:CreateTable': ['dynamodb:CreateTable', 'dynamodb:TagResource', 'dynamodb:PutResourcePolicy'],
  // The caller hands its role to the state machine (Step Functions developer guide, "IAM").
  'states:CreateStateMachine': ['states:CreateStateMachine', 'iam:PassRole'],
  'states:UpdateStateMachine': ['states:UpdateStateMachine', 'iam:PassRole'],
};

/** The prefix of the IAM actions of each client. */
const SERVICES: Readonly<Record<string, string>> = {
  dynamodb: 'dynamodb',
  lambda: 'lambda',
  s3: 's3',
  cloudwatch: 'cloudwatch',
  'cloudwatch-logs': 'logs',
  'service-quotas': 'servicequotas',
  'application-auto-scaling': 'application-autoscaling',
  sfn: 'states',
};

/** The IAM actions of one operation of a service, e.g. `s3:HeadObject`. */
export const actionsOf = (operation: string): readonly string[] => OTHER_NAMES[operation] ?? [operation];

/**
 * The IAM actions of every operation of AWS that a source text imports: commands, paginators and waiters.
 * @throws Error for a client that this list does not know, and for an import that hides what is called
 */
export function actionsIn(source: string): readonly string[] {
  for (const [line] of source.matchAll(
    /(?:import|export)[^;{]*\bfrom '@aws-sdk\/client-[^']+'|import\('@aws-sdk\/client-/g,
  ))
    throw new Error(`The operations cannot be read from: ${line}`);
  const imports = [...source.matchAll(/(?:import|export) (?:type )?\{([^}]*)\} from '@aws-sdk\/client-([a-z0-9-]+)'/g)];
  return imports.flatMap(([, names = '', client = '']) => {
    const service = SERVICES[client];
    if (service === undefined) throw new Error(`No IAM prefix is known for @aws-sdk/client-${client}`);
    return [...names.matchAll(/\b(?:([A-Z]\w*)Command|paginate([A-Z]\w*))\b/g)]
      .map(([, command, paged]) => command ?? paged ?? '')
      .flatMap((operation) => actionsOf(`${service}:${operation}`));
  });
}

/** The IAM actions of everything that the TypeScript below `folder` imports, each once, in order. */
export function calledActions(folder: string): readonly string[] {
  const files = globSync('**/*.ts', { cwd: folder });
  return [...new Set(files.flatMap((file) => actionsIn(readFileSync(join(folder, file), 'utf8'))))].sort();
}
