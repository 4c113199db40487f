import { ConditionalCheckFailedException, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type Backoff, withBackoff } from '../../lib/backoff.ts';
import { patientBackoff } from './table-scan.ts';
import { callWithJson, MalformedAnswerError } from './wire-call.ts';
import { isWireItem, type WireItem } from './wire-value.ts';

/** The condition's expression may be 4 KB long; a clause takes up to 14 characters. */
const MOST_CLAUSES = 200;

/**
 * Deletes the record with the item's key if its attributes still are the item's: every one that is no list and no map (stand-ins
 * for DynamoDB cannot compare those), up to 200. What else may differ (a list, a map, an attribute that the item has not) is seen
 * in what DynamoDB says it deleted.
 * @returns what was deleted; undefined where the record is gone or is not the item any more, and nothing was deleted.
 * @throws DynamoDB's error, once attempts are used up; `signal.reason` before an attempt.
 */
export async function deleteIfUnchanged(
  dynamodb: DynamoDBClient,
  table: string,
  record: { readonly item: WireItem; readonly key: WireItem },
  options: { readonly signal?: AbortSignal; readonly backoff?: Backoff } = {},
): Promise<WireItem | undefined> {
  const clauses: string[] = [];
  const names: Record<string, string> = {};
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(record.item)) {
    if (name in record.key || 'L' in value || 'M' in value || clauses.length === MOST_CLAUSES) continue;
    const at = clauses.length;
    names[`#${at}`] = name;
    values[`:${at}`] = value;
    clauses.push(`#${at} = :${at}`);
  }
  const [hashName = ''] = Object.keys(record.key);
  if (clauses.length === 0) {
    names['#k'] = hashName;
    clauses.push('attribute_exists(#k)');
  }
  const body = JSON.stringify({
    TableName: table,
    Key: record.key,
    ConditionExpression: clauses.join(' AND '),
    ExpressionAttributeNames: names,
    ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
    ReturnValues: 'ALL_OLD',
  });
  try {
    // No signal within the call: a deletion under way is awaited, as what it deleted must be known.
    const call = () => callWithJson(dynamodb, 'DeleteItem', body);
    const answer = await withBackoff(options.backoff ?? patientBackoff, call, options.signal);
    const deleted =
      typeof answer === 'object' && answer !== null && 'Attributes' in answer ? answer.Attributes : undefined;
    if (!isWireItem(deleted)) throw new MalformedAnswerError('DeleteItem did not say what it deleted');
    return deleted;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return undefined;
    throw error;
  }
}
