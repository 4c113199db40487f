import type { Statement } from './policy.ts';

const CONTROL_TABLE = 'arn:{partition}:dynamodb:{region}:{account}:table/{controlTable}';
const TABLE = 'arn:{partition}:dynamodb:{region}:{account}:table/{table}';
const FUNCTION = 'arn:{partition}:lambda:{region}:{account}:function:{ocrFunction}';
const CONTROL_BUCKET = 'arn:{partition}:s3:::{controlBucket}';
const SCALABLE_TARGETS = 'arn:{partition}:application-autoscaling:{region}:{account}:scalable-target/*';
const IMAGE_BUCKET = 'arn:{partition}:s3:::{imageBucket}';

/**
 * What the bot may do: exactly what its code calls (test/deploy compares), on exactly its resources. The policies in
 * docs/ and deploy/ are generated from this list by `npm run docs`.
 */
export const BOT_STATEMENTS: readonly Statement[] = [
  {
    sid: 'CreateControlTable',
    effect: 'Allow',
    actions: ['dynamodb:CreateTable'],
    resources: [CONTROL_TABLE],
    createdByTemplate: true,
  },
  {
    sid: 'ControlTable',
    effect: 'Allow',
    actions: [
      'dynamodb:DescribeTable',
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:UpdateItem',
      'dynamodb:DeleteItem',
      'dynamodb:Query',
    ],
    resources: [CONTROL_TABLE],
  },
  {
    sid: 'ReadControlBucket',
    effect: 'Allow',
    actions: ['s3:ListBucket', 's3:GetBucketVersioning', 's3:ListBucketMultipartUploads', 's3:GetObject'],
    resources: [CONTROL_BUCKET, `${CONTROL_BUCKET}/*`],
  },
  {
    sid: 'WriteControlBucket',
    effect: 'Allow',
    actions: ['s3:PutObject'],
    resources: [`${CONTROL_BUCKET}/{controlPrefix}*`],
  },
  {
    sid: 'MakeExportAndPruneBackups',
    effect: 'Allow',
    actions: ['s3:DeleteObject', 's3:AbortMultipartUpload', 's3:PutObjectAcl'],
    resources: [`${CONTROL_BUCKET}/{controlPrefix}backups/*`],
  },
  {
    sid: 'NeverDeleteTheAuditOrPackages',
    effect: 'Deny',
    actions: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
    resources: [`${CONTROL_BUCKET}/{controlPrefix}audit/*`, `${CONTROL_BUCKET}/{controlPrefix}packages/*`],
  },
  {
    sid: 'Images',
    effect: 'Allow',
    actions: ['s3:ListBucket', 's3:GetObject'],
    resources: [IMAGE_BUCKET, `${IMAGE_BUCKET}/*`],
  },
  {
    sid: 'Table',
    effect: 'Allow',
    actions: [
      'dynamodb:DescribeTable',
      'dynamodb:DescribeTimeToLive',
      'dynamodb:Scan',
      'dynamodb:Query',
      'dynamodb:BatchGetItem',
      'dynamodb:PutItem',
      'dynamodb:DeleteItem',
    ],
    resources: [TABLE],
  },
  {
    sid: 'BackupsOfDynamoDBsOwn',
    effect: 'Allow',
    actions: [
      'dynamodb:DescribeContinuousBackups',
      'dynamodb:CreateBackup',
      'dynamodb:DescribeBackup',
      'dynamodb:ExportTableToPointInTime',
      'dynamodb:DescribeExport',
    ],
    resources: [TABLE, `${TABLE}/backup/*`, `${TABLE}/export/*`],
  },
  {
    sid: 'RecreateTheTable',
    effect: 'Allow',
    actions: [
      'dynamodb:DescribeTable',
      'dynamodb:DescribeTimeToLive',
      'dynamodb:DescribeContinuousBackups',
      'dynamodb:DescribeContributorInsights',
      'dynamodb:DescribeKinesisStreamingDestination',
      'dynamodb:GetResourcePolicy',
      'dynamodb:ListTagsOfResource',
      'dynamodb:CreateTable',
      'dynamodb:DeleteTable',
      'dynamodb:UpdateTable',
      'dynamodb:TagResource',
      'dynamodb:PutResourcePolicy',
      'dynamodb:UpdateTimeToLive',
      'dynamodb:UpdateContinuousBackups',
      'dynamodb:UpdateContributorInsights',
    ],
    resources: [TABLE, `${TABLE}/index/*`, `${TABLE}/stream/*`, `${TABLE}-rehearsal-*`],
    option: 'AllowRecreate',
  },
  {
    sid: 'ReadTheAutoScalingOfTheTable',
    effect: 'Allow',
    actions: [
      'application-autoscaling:DescribeScalableTargets',
      'application-autoscaling:DescribeScalingPolicies',
      'application-autoscaling:DescribeScheduledActions',
    ],
    resources: ['*'],
    unscoped: 'Application Auto Scaling scopes no Describe action to a resource.',
    option: 'AllowRecreate',
  },
  {
    sid: 'RecreateTheAutoScalingOfTheTable',
    effect: 'Allow',
    actions: [
      'application-autoscaling:RegisterScalableTarget',
      'application-autoscaling:PutScalingPolicy',
      'application-autoscaling:PutScheduledAction',
      'application-autoscaling:DeregisterScalableTarget',
    ],
    // The ids of scalable targets are random, so the condition names the service instead.
    resources: [SCALABLE_TARGETS],
    condition: { StringEquals: { 'application-autoscaling:service-namespace': 'dynamodb' } },
    option: 'AllowRecreate',
  },
  {
    sid: 'TagsOfTheAutoScalingOfTheTable',
    effect: 'Allow',
    actions: ['application-autoscaling:ListTagsForResource', 'application-autoscaling:TagResource'],
    resources: [SCALABLE_TARGETS],
    option: 'AllowRecreate',
  },
  {
    sid: 'Function',
    effect: 'Allow',
    actions: [
      'lambda:InvokeFunction',
      'lambda:GetFunction',
      'lambda:GetFunctionConfiguration',
      'lambda:GetFunctionConcurrency',
    ],
    resources: [FUNCTION],
  },
  {
    sid: 'DeployTheFunction',
    effect: 'Allow',
    actions: ['lambda:UpdateFunctionCode', 'lambda:UpdateFunctionConfiguration', 'lambda:PublishVersion'],
    resources: [FUNCTION],
    option: 'AllowDeploy',
  },
  {
    sid: 'ReleaseAFunctionThatAnOlderVersionStopped',
    effect: 'Allow',
    actions: ['lambda:PutFunctionConcurrency', 'lambda:DeleteFunctionConcurrency'],
    resources: [FUNCTION],
  },
  {
    sid: 'StartRunsOnStepFunctions',
    effect: 'Allow',
    actions: ['states:StartExecution'],
    resources: ['arn:{partition}:states:{region}:{account}:stateMachine:{stateMachine}'],
    option: 'UseStepFunctions',
  },
  {
    sid: 'SeeTheStateMachine',
    effect: 'Allow',
    actions: ['states:DescribeStateMachine'],
    resources: ['arn:{partition}:states:{region}:{account}:stateMachine:{stateMachine}'],
  },
  {
    sid: 'InstallTheStateMachine',
    effect: 'Allow',
    actions: ['states:CreateStateMachine', 'states:UpdateStateMachine'],
    resources: ['arn:{partition}:states:{region}:{account}:stateMachine:{stateMachine}'],
    option: 'UseStepFunctions',
    createdByTemplate: true,
  },
  {
    sid: 'GiveTheStateMachineItsRole',
    effect: 'Allow',
    actions: ['iam:PassRole'],
    resources: ['arn:{partition}:iam::{account}:role/{stateMachineRole}'],
    condition: { StringEquals: { 'iam:PassedToService': 'states.amazonaws.com' } },
    option: 'UseStepFunctions',
    createdByTemplate: true,
  },
  {
    sid: 'FollowRunsOnStepFunctions',
    effect: 'Allow',
    actions: ['states:DescribeExecution', 'states:StopExecution', 'states:RedriveExecution', 'states:ListMapRuns'],
    resources: ['arn:{partition}:states:{region}:{account}:execution:{stateMachine}:*'],
    option: 'UseStepFunctions',
  },
  {
    sid: 'SteerRunsOnStepFunctions',
    effect: 'Allow',
    actions: ['states:DescribeMapRun', 'states:UpdateMapRun'],
    resources: ['arn:{partition}:states:{region}:{account}:mapRun:{stateMachine}/*'],
    option: 'UseStepFunctions',
  },
  {
    sid: 'Log',
    effect: 'Allow',
    actions: ['logs:FilterLogEvents'],
    resources: ['arn:{partition}:logs:{region}:{account}:log-group:/aws/lambda/{ocrFunction}:*'],
  },
  {
    sid: 'LimitsAndMetrics',
    effect: 'Allow',
    actions: [
      'lambda:GetAccountSettings',
      'servicequotas:ListServiceQuotas',
      'servicequotas:ListAWSDefaultServiceQuotas',
      'cloudwatch:GetMetricData',
    ],
    resources: ['*'],
    unscoped: 'AWS scopes none of these actions to a resource.',
  },
  {
    sid: 'Heartbeat',
    effect: 'Allow',
    actions: ['cloudwatch:PutMetricData'],
    resources: ['*'],
    unscoped: 'CloudWatch scopes PutMetricData to no resource; the condition names the namespace instead.',
    condition: { StringEquals: { 'cloudwatch:namespace': 'RescanBot' } },
  },
];
