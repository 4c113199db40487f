import type { Statement } from './policy.ts';

const CONTROL_TABLE = 'arn:{partition}:dynamodb:{region}:{account}:table/{controlTable}';
const FUNCTION = 'arn:{partition}:lambda:{region}:{account}:function:{ocrFunction}';
const RUN_FILES = 'arn:{partition}:s3:::{controlBucket}/{controlPrefix}runs/*';
const IMAGE_BUCKET = 'arn:{partition}:s3:::{imageBucket}';
const EXECUTIONS = 'arn:{partition}:states:{region}:{account}:execution:{stateMachine}';

/**
 * What the state machine of the engine `step-functions` may do: exactly what its definition calls (test/deploy
 * compares), on exactly its resources.
 */
export const STATE_MACHINE_STATEMENTS: readonly Statement[] = [
  {
    sid: 'ItemsAndResults',
    effect: 'Allow',
    actions: ['s3:GetObject', 's3:PutObject', 's3:ListMultipartUploadParts', 's3:AbortMultipartUpload'],
    resources: [RUN_FILES],
  },
  {
    sid: 'Function',
    effect: 'Allow',
    actions: ['lambda:InvokeFunction'],
    resources: [FUNCTION],
  },
  {
    sid: 'Outcomes',
    effect: 'Allow',
    actions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
    resources: [CONTROL_TABLE],
  },
  {
    // Without s3:ListBucket a missing object is a 403, and the machine could not tell it from a missing permission.
    sid: 'WhetherAnImageIsMissing',
    effect: 'Allow',
    actions: ['s3:ListBucket', 's3:GetObject'],
    resources: [IMAGE_BUCKET, `${IMAGE_BUCKET}/*`],
  },
  {
    sid: 'StartChildren',
    effect: 'Allow',
    actions: ['states:StartExecution'],
    resources: ['arn:{partition}:states:{region}:{account}:stateMachine:{stateMachine}'],
  },
  {
    sid: 'FollowChildren',
    effect: 'Allow',
    actions: ['states:DescribeExecution', 'states:StopExecution', 'states:RedriveExecution'],
    // The executions of the machine, and with a slash its children.
    resources: [`${EXECUTIONS}:*`, `${EXECUTIONS}/*`],
  },
];
