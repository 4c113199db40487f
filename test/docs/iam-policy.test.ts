import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { z } from 'zod';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const policySchema = z.object({
  Statement: z.array(
    z.object({
      Sid: z.string(),
      Effect: z.enum(['Allow', 'Deny']),
      Action: z.array(z.string()),
      Resource: z.union([z.string(), z.array(z.string())]),
    }),
  ),
});

/** Operations whose IAM action has another name (AWS's service authorization reference, Amazon S3 and Lambda). */
const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
  's3:HeadObject': ['s3:GetObject'],
  's3:ListObjectsV2': ['s3:ListBucket'],
  's3:ListMultipartUploads': ['s3:ListBucketMultipartUploads'],
  's3:CreateMultipartUpload': ['s3:PutObject'],
  's3:UploadPart': ['s3:PutObject'],
  's3:CompleteMultipartUpload': ['s3:PutObject'],
  // DynamoDB writes the export with the permissions of the caller (DynamoDB developer guide, "Requesting a table export").
  'dynamodb:ExportTableToPointInTime': ['dynamodb:ExportTableToPointInTime', 's3:PutObject', 's3:PutObjectAcl'],
  'lambda:Invoke': ['lambda:InvokeFunction'],
  // A transaction needs the permissions of the writes in it (DynamoDB developer guide, "IAM policies for transactions").
  'dynamodb:TransactWriteItems': ['dynamodb:PutItem', 'dynamodb:DeleteItem'],
  // Tags and a resource policy that CreateTable sets need permissions of their own (DynamoDB API reference, CreateTable).
  'dynamodb:CreateTable': ['dynamodb:CreateTable', 'dynamodb:TagResource', 'dynamodb:PutResourcePolicy'],
};
const SERVICES: Readonly<Record<string, string>> = {
  dynamodb: 'dynamodb',
  lambda: 'lambda',
  s3: 's3',
  cloudwatch: 'cloudwatch',
  'cloudwatch-logs': 'logs',
  'service-quotas': 'servicequotas',
  'application-auto-scaling': 'application-autoscaling',
};

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'sandbox' ? [] : sources(path);
    return entry.name.endsWith('.ts') ? [readFileSync(path, 'utf8')] : [];
  });
}

/** The IAM actions of every operation of AWS that a source names. */
function actionsIn(source: string): string[] {
  const imports = [...source.matchAll(/import (?:type )?\{([^}]*)\} from '@aws-sdk\/client-([a-z0-9-]+)'/g)];
  const named = imports.flatMap(([, names = '', client = '']) =>
    [...names.matchAll(/\b(?:([A-Z]\w*)Command|paginate([A-Z]\w*))\b/g)]
      .map(([, command, paged]) => command ?? paged ?? '')
      .map((operation) => `${SERVICES[client]}:${operation}`),
  );
  return named.flatMap((operation) => OTHER_NAMES[operation] ?? [operation]);
}

test('the IAM policy of the README allows what the bot calls, and nothing that it does not', () => {
  const policy = policySchema.parse(JSON.parse(readFileSync(join(ROOT, 'docs/iam-policy.json'), 'utf8')));
  const allowed = new Set(policy.Statement.flatMap(({ Effect, Action }) => (Effect === 'Allow' ? Action : [])));
  const called = new Set(sources(join(ROOT, 'src')).flatMap(actionsIn));
  expect(called.size).toBeGreaterThan(25);
  expect([...allowed].sort()).toEqual([...called].sort());
});

test('the IAM policy allows deleting from S3 under backups/ only, and denies it for the audit and the packages', () => {
  const policy = policySchema.parse(JSON.parse(readFileSync(join(ROOT, 'docs/iam-policy.json'), 'utf8')));
  const resources = (effect: 'Allow' | 'Deny') =>
    policy.Statement.filter(({ Effect, Action }) => Effect === effect && Action.includes('s3:DeleteObject')).flatMap(
      ({ Resource }) => Resource,
    );
  expect(resources('Allow')).toEqual(['arn:aws:s3:::rescan-bot-control/backups/*']);
  expect(resources('Deny')).toEqual([
    'arn:aws:s3:::rescan-bot-control/audit/*',
    'arn:aws:s3:::rescan-bot-control/packages/*',
  ]);
});

test('Only the statement for `flush recreate` allows to delete a table or to change its settings', () => {
  const policy = policySchema.parse(JSON.parse(readFileSync(join(ROOT, 'docs/iam-policy.json'), 'utf8')));
  const changing = /^dynamodb:(DeleteTable|Update(?!Item).*|TagResource|PutResourcePolicy)$/;
  const statements = policy.Statement.filter(({ Action }) => Action.some((action) => changing.test(action)));
  expect(statements.map(({ Sid }) => Sid)).toEqual(['RecreateTheTable']);
});
