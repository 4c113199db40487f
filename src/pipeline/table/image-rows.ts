import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { isNotFailedImage } from './count.ts';
import type { Item } from './item.ts';
import { queryItems, type ReadOptions } from './read.ts';
import { type KeyNames, PIPELINE_KEYS } from './records.ts';

/** The hash key of a person: `Nik Coultas` is stored as `Nik_Coultas` (pipeline.md, "DynamoDB table"). */
export const hashOfResource = (resourceName: string): string => resourceName.trim().replaceAll(' ', '_');

export interface ImageRows extends ReadOptions {
  /** As in the function's reply: `Nik Coultas`. */
  readonly resourceName: string;
  readonly imageKey: string;
  readonly keys?: KeyNames;
}

/**
 * The records of one person that came from one image (`SourceImage`), read consistently, without failed images.
 * @throws the SDK's error, or `signal.reason`.
 */
export async function rowsOfImage(dynamodb: DynamoDBClient, table: string, request: ImageRows): Promise<Item[]> {
  const { resourceName, imageKey, keys = PIPELINE_KEYS, ...options } = request;
  const pages = queryItems(
    dynamodb,
    table,
    {
      hash: { name: keys.hash, value: { S: hashOfResource(resourceName) } },
      filter: {
        expression: `#image = :image AND (${isNotFailedImage.expression})`,
        names: { '#image': 'SourceImage', ...isNotFailedImage.names },
        values: { ':image': { S: imageKey }, ...isNotFailedImage.values },
      },
    },
    options,
  );
  const found: Item[] = [];
  for await (const items of pages) found.push(...items);
  return found;
}
