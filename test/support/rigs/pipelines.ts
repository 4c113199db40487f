import { DynamoDBClient, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { expect, inject } from 'vitest';
import { z } from 'zod';
import { type People, wholeText } from '../../../sandbox/people.ts';
import type { SandboxOptions } from '../../../sandbox/sandbox.ts';
import { startTestSandbox, type TestSandbox } from './sandbox.ts';

/**
 * The pipelines on which the end-to-end tests run: the timesheets in their own place, and the invoices of the sandbox, whose table has
 * a text as its only key, or a number as its sort key. vitest.config.ts chooses one for each project.
 */
export const TEST_PIPELINES = ['timesheets', 'invoices-text-key', 'invoices-number-key'] as const;
type Name = (typeof TEST_PIPELINES)[number];

declare module 'vitest' {
  interface ProvidedContext {
    pipeline: Name;
  }
}

type Item = Readonly<Record<string, { readonly S?: string | undefined; readonly N?: string | undefined }>>;

/** What differs between the pipelines, for a test that is written once. */
interface TestPipeline {
  readonly sandbox: Pick<SandboxOptions, 'pipeline'>;
  readonly table: string;
  /** The key attributes of the table. */
  readonly keys: readonly string[];
  /** Attributes of a record: its person, its image, and the version of the function that wrote it. */
  readonly person: string;
  readonly image: string;
  readonly version: string;
  /** What the profile calls several entries. */
  readonly entries: string;
  /** A record that somebody wrote by hand for Nik Coultas: no image can rebuild it. */
  readonly byHand: Item;
  /** What a message must not say: words of another pipeline. */
  readonly foreign?: RegExp;
}

/** The key of an image: every pipeline of the sandbox has those of the timesheets. */
const IMAGE = /[^`"]*\.(?:png|jpe?g)\b/gi;

/** Fields and kinds of the timesheets, with the words around them. The names of the sandbox's bucket and channel are not meant. */
const OF_TIMESHEETS =
  /.{0,60}(?:\b(?:hours|zero-hour|coverage|weeks?|sheets?|projects?)\b|\btimesheet(?!-?ocr)|ResourceName|DateProjectCode|SourceImage|Nik_Coultas).{0,60}/i;

const invoices = (keys: readonly string[], number: Item[string], invoices: 'hash-only' | 'numeric'): TestPipeline => ({
  sandbox: { pipeline: { table: 'invoices-prod', functionName: 'invoice-reader', invoices } },
  table: 'invoices-prod',
  keys,
  person: 'Supplier',
  image: 'Document',
  version: 'ReaderVersion',
  entries: 'Invoices',
  byHand: {
    InvoiceNumber: number,
    Supplier: { S: 'Nik Coultas' },
    InvoiceDate: { S: '2025-07-07' },
    Total: { N: '412.50' },
  },
  foreign: OF_TIMESHEETS,
});

const PIPELINES: Readonly<Record<Name, TestPipeline>> = {
  timesheets: {
    sandbox: {},
    table: 'TimesheetOCR-dev',
    keys: ['ResourceName', 'DateProjectCode'],
    person: 'ResourceName',
    image: 'SourceImage',
    version: 'OCRVersion',
    entries: 'Timesheet entries',
    byHand: { ResourceName: { S: 'Nik_Coultas' }, DateProjectCode: { S: '2025-07-07#BY_HAND' } },
  },
  'invoices-text-key': invoices(['InvoiceNumber'], { S: 'INV-100000009' }, 'hash-only'),
  'invoices-number-key': invoices(['Supplier', 'InvoiceNumber'], { N: '100000009' }, 'numeric'),
};

export const pipeline: TestPipeline = PIPELINES[inject('pipeline')];

/** A text of this record, in the order of the key attributes: as the CSV of a diff names it. */
export const keyOf = (item: Item): readonly string[] =>
  pipeline.keys.map((name) => item[name]?.S ?? item[name]?.N ?? '');

export interface Row {
  readonly person: string;
  readonly key: string;
  readonly image?: string;
  readonly version?: string;
}

export interface PipelineSandbox extends TestSandbox {
  /** Every record of the pipeline's table. */
  rows(): Promise<readonly Row[]>;
  /** How many records the table has. */
  inTable(): Promise<number>;
  /** Its records by kind. */
  counts(): Promise<Readonly<Record<string, number>>>;
  /** Writes the record `byHand`, as a person would. */
  putByHand(): Promise<void>;
}

const tableSchema = z.object({ total: z.number(), counts: z.record(z.string(), z.number()) });

/** The whole product with the pipeline of this test project. `close` fails when a message or a form had words of another pipeline. */
export async function startPipeline(options: Parameters<typeof startTestSandbox>[0] = {}): Promise<PipelineSandbox> {
  const here = await startTestSandbox({ ...pipeline.sandbox, ...options });
  const client = new DynamoDBClient({
    endpoint: here.sandbox.aws?.url ?? '',
    region: 'us-east-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
  });
  const table = async () => tableSchema.parse(await (await fetch(`${here.sandbox.aws?.url}/sandbox/table`)).json());
  const forms: string[] = [];
  const people: People = {
    ...here.people,
    async openView(...about) {
      const id = await here.people.openView(...about);
      forms.push(JSON.stringify(await here.people.view(id)));
      return id;
    },
  };
  return {
    ...here,
    people,
    async rows() {
      const { Items = [] } = await client.send(new ScanCommand({ TableName: pipeline.table, ConsistentRead: true }));
      return Items.map((item) => {
        const [image, version] = [item[pipeline.image]?.S, item[pipeline.version]?.S];
        return {
          person: item[pipeline.person]?.S ?? '',
          key: keyOf(item).join(' '),
          ...(image === undefined ? {} : { image }),
          ...(version === undefined ? {} : { version }),
        };
      });
    },
    inTable: async () => (await table()).total,
    counts: async () => (await table()).counts,
    async putByHand() {
      const Item = Object.fromEntries(
        Object.entries(pipeline.byHand).map(([name, { S, N }]) => [name, S === undefined ? { N: N ?? '' } : { S }]),
      );
      await client.send(new PutItemCommand({ TableName: pipeline.table, Item }));
    },
    async close() {
      client.destroy();
      try {
        const { foreign } = pipeline;
        if (!foreign) return;
        const shown = [...(await people.messages()), ...(await people.ephemerals())].map((message) =>
          wholeText(message),
        );
        const found = [...shown, ...forms].flatMap((text) => foreign.exec(text.replace(IMAGE, ''))?.[0] ?? []);
        expect(found).toEqual([]);
      } finally {
        await here.close();
      }
    },
  };
}
