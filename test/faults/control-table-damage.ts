import {
  type AttributeValue,
  DeleteItemCommand,
  DeleteTableCommand,
  DynamoDBClient,
  PutItemCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import type { Random } from '../../src/lib/clock.ts';

const TableName = 'rescan-bot-control';
export type ControlEntry = Record<string, AttributeValue>;

/** Reads and damages the control table as somebody with access to the account can. */
export function openControlTable(connection: ConstructorParameters<typeof DynamoDBClient>[0]) {
  const dynamodb = new DynamoDBClient(connection ?? {});
  const put = (Item: ControlEntry) => dynamodb.send(new PutItemCommand({ TableName, Item }));
  async function remove({ pk, sk }: ControlEntry): Promise<void> {
    if (pk && sk) await dynamodb.send(new DeleteItemCommand({ TableName, Key: { pk, sk } }));
  }
  async function entries(): Promise<readonly ControlEntry[]> {
    return (await dynamodb.send(new ScanCommand({ TableName, ConsistentRead: true }))).Items ?? [];
  }
  return {
    entries,
    put,
    remove,
    /** The table has these entries and no others. */
    async replace(by: readonly ControlEntry[]): Promise<void> {
      for (const entry of await entries()) await remove(entry);
      for (const entry of by) await put(entry);
    },
    async deleteTable(): Promise<void> {
      await dynamodb.send(new DeleteTableCommand({ TableName }));
    },
    close: () => dynamodb.destroy(),
  };
}

const pick = <T>(from: readonly T[], random: Random): T | undefined => from[Math.floor(random() * from.length)];

/** Values that no entry has: of each type, very large, and texts that mean something elsewhere. */
const NONSENSE: readonly AttributeValue[] = [
  { S: 'nonsense' },
  { S: '' },
  { S: '{"kind":' },
  { S: '<!channel> *_`|&lt;' },
  { S: '\u202E\u0000é\uD83D\uDE00' },
  { S: '1e999' },
  { N: '-1' },
  { N: '0.5' },
  { N: '99999999999999999999999999999999999999' },
  { N: '9.9E+125' },
  { BOOL: true },
  { NULL: true },
  { L: [] },
  { L: [{ S: 'x' }, { N: '1' }] },
  { M: {} },
  { M: { kind: { S: 'unknown' } } },
  { B: new Uint8Array([0, 255]) },
  { SS: ['a', 'b'] },
];

/** The entry with nonsense in one place: an attribute is replaced or missing, or the format is unknown. What was done to it. */
export function withNonsense(
  entry: ControlEntry,
  random: Random,
): { readonly damaged: ControlEntry; readonly how: string } {
  const names = Object.keys(entry).filter((name) => name !== 'pk' && name !== 'sk');
  const name = pick(names, random) ?? 'x';
  const kind = random();
  const where = `${entry.pk?.S} ${entry.sk?.S}`;
  if (kind < 0.15) {
    const format: AttributeValue = pick([{ N: '99' }, { S: 'two' }, { N: '-3' }], random) ?? { N: '99' };
    return { damaged: { ...entry, stateFormat: format }, how: `${where}: stateFormat ${JSON.stringify(format)}` };
  }
  if (kind < 0.35) {
    const { [name]: _, ...damaged } = entry;
    return { damaged, how: `${where}: without ${name}` };
  }
  const inner = entry[name]?.M;
  const part = inner && random() < 0.5 ? pick(Object.keys(inner), random) : undefined;
  const value = pick(NONSENSE, random) ?? { NULL: true };
  if (inner && part !== undefined)
    return {
      damaged: { ...entry, [name]: { M: { ...inner, [part]: value } } },
      how: `${where}: ${name}.${part} = ${JSON.stringify(value)}`,
    };
  return { damaged: { ...entry, [name]: value }, how: `${where}: ${name} = ${JSON.stringify(value)}` };
}
