import { z } from 'zod';
import { type Item, modelError, validationError } from './store.ts';

/** The contents of write requests, and the errors that answer them. */

export const itemSchema = z.record(z.string(), z.record(z.string(), z.unknown()));
export const writeSchema = z.looseObject({
  TableName: z.string(),
  Key: itemSchema.optional(),
  Item: itemSchema.optional(),
  ConditionExpression: z.string().optional(),
  UpdateExpression: z.string().optional(),
  ReturnValuesOnConditionCheckFailure: z.string().optional(),
});
export type WriteInput = z.infer<typeof writeSchema>;
const actionSchema = z.strictObject({
  Put: writeSchema.optional(),
  Update: writeSchema.optional(),
  Delete: writeSchema.optional(),
  ConditionCheck: writeSchema.optional(),
});
export type Action = z.infer<typeof actionSchema>;
export const transactionSchema = z.looseObject({
  ClientRequestToken: z.string().min(1).max(36).optional(),
  TransactItems: z.array(actionSchema),
});
export const batchSchema = z.looseObject({
  RequestItems: z.record(
    z.string(),
    z.array(
      z.looseObject({
        PutRequest: z.looseObject({ Item: itemSchema }).optional(),
        DeleteRequest: z.looseObject({ Key: itemSchema }).optional(),
      }),
    ),
  ),
});

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** @throws DynamoDbError instead of a zod error. */
export function parsed<T>(schema: z.ZodType<T>, input: unknown): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw validationError(`1 validation error detected: ${issue?.path.join('.')}: ${issue?.message}`);
}

export const conflict = () => modelError('TransactionConflictException', 'Transaction is ongoing for the item');
export const conditionFailed = (found: Item | undefined) =>
  modelError('ConditionalCheckFailedException', 'The conditional request failed', found ? { Item: found } : {});
export const tooMuch = () =>
  modelError(
    'ProvisionedThroughputExceededException',
    'The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API.',
  );

export interface Reason {
  readonly Code: string;
  readonly Message?: string;
  readonly Item?: Item;
}
export const NO_REASON: Reason = { Code: 'None' };
export const cancelled = (reasons: readonly Reason[]) => {
  const codes = reasons.map(({ Code }) => Code).join(', ');
  const message = `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`;
  return modelError('TransactionCanceledException', message, { CancellationReasons: reasons, Message: message });
};
