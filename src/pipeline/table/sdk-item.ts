import type { AttributeValue as SdkValue } from '@aws-sdk/client-dynamodb';
import type { AttributeValue, Item } from './item.ts';

const base64Of = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

function fromSdkValue(value: SdkValue): AttributeValue {
  if (value.S !== undefined) return { S: value.S };
  if (value.N !== undefined) return { N: value.N };
  if (value.B !== undefined) return { B: base64Of(value.B) };
  if (value.BOOL !== undefined) return { BOOL: value.BOOL };
  if (value.NULL !== undefined) return { NULL: value.NULL };
  if (value.SS !== undefined) return { SS: value.SS };
  if (value.NS !== undefined) return { NS: value.NS };
  if (value.BS !== undefined) return { BS: value.BS.map(base64Of) };
  if (value.L !== undefined) return { L: value.L.map(fromSdkValue) };
  if (value.M !== undefined) return { M: fromSdkItem(value.M) };
  throw new TypeError(`An attribute has an unknown type: ${Object.keys(value).join(', ')}`);
}

/** An item that the SDK itself has read, as in its errors: the SDK turns binary values into bytes. */
export const fromSdkItem = (item: Readonly<Record<string, SdkValue>>): Item =>
  Object.fromEntries(Object.entries(item).map(([name, value]) => [name, fromSdkValue(value)]));
