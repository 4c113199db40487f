import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { z } from 'zod';

/** The content of a timesheet: the hours of one person in one week. */
export const timesheetSchema = z.object({
  person: z.string(),
  /** The Monday, for example 2025-09-29. */
  week: z.string(),
  status: z.enum(['Posted', 'Draft']),
  entries: z.array(z.object({ date: z.string(), code: z.string(), project: z.string(), hours: z.string() })),
});
export type Timesheet = z.infer<typeof timesheetSchema>;

export type Item = Record<string, AttributeValue>;

export interface OcrVersion {
  readonly version: string;
  readonly buildDate: string;
  readonly description: string;
}
export const OCR_VERSION: OcrVersion = {
  version: '2.6.1',
  buildDate: '2025-11-21',
  description: 'Nova Lite and Textract',
};
export const EARLIER_OCR_VERSION: OcrVersion = { version: '2.5.0', buildDate: '2025-09-02', description: 'Nova Lite' };

const MODEL = 'us.amazon.nova-lite-v1:0';
const DAY_MS = 86_400_000;
const dayAfter = (week: string, days: number) => new Date(Date.parse(week) + days * DAY_MS).toISOString().slice(0, 10);

/** The key attributes of a table, where another team's pipeline calls them differently. Without `range` the table has a hash key only. */
export interface TableKeys {
  readonly hash: string;
  readonly range?: string;
  /** The type of the sort key; a text when absent. */
  readonly rangeType?: 'N';
}

/** The item with these key attributes in place of ResourceName and DateProjectCode; any other item as it is. */
export function withKeys(item: Item, keys: TableKeys | undefined): Item {
  const { ResourceName, DateProjectCode, ...rest } = item;
  if (!keys || ResourceName?.S === undefined || DateProjectCode?.S === undefined) return item;
  return keys.range === undefined
    ? { ...rest, [keys.hash]: { S: `${ResourceName.S}/${DateProjectCode.S}` } }
    : { ...rest, [keys.hash]: ResourceName, [keys.range]: DateProjectCode };
}

/**
 * The records that the function stores for a timesheet (pipeline.md, "DynamoDB table"). `at`: time of storing, epoch
 * ms.
 */
export function recordsOf(sheet: Timesheet, sourceImage: string, at: number, ocr: OcrVersion): Item[] {
  const ResourceName = { S: sheet.person.replaceAll(' ', '_') };
  const stamp = new Date(at).toISOString();
  const common: Item = {
    ResourceNameDisplay: { S: sheet.person },
    SourceImage: { S: sourceImage },
    ProcessingTimestamp: { S: stamp },
    ProcessingTimeSeconds: { N: '3.41' },
    ModelId: { S: MODEL },
    InputTokens: { N: '1840' },
    OutputTokens: { N: '412' },
    CostEstimateUSD: { N: '0.00182' },
    OCRVersion: { S: ocr.version },
    OCRBuildDate: { S: ocr.buildDate },
    OCRDescription: { S: ocr.description },
    OCRFullVersion: { S: `${ocr.version}-${ocr.buildDate}` },
    WeekStartDate: { S: sheet.week },
    WeekEndDate: { S: dayAfter(sheet.week, 6) },
    YearMonth: { S: sheet.week.slice(0, 7) },
  };
  if (sheet.status === 'Draft')
    return [
      {
        ...common,
        ResourceName,
        DateProjectCode: { S: `REJECTED#${sheet.week}` },
        Rejected: { BOOL: true },
        Status: { S: sheet.status },
        Reason: { S: 'Timesheet is not Posted' },
      },
    ];
  const coverage: Item = {
    ResourceName: { S: `${ResourceName.S}#${sheet.week.slice(0, 7)}` },
    DateProjectCode: { S: 'COVERAGE' },
    WeeksSubmitted: { SS: [sheet.week] },
    TotalWeeks: { N: '1' },
    LastUpdated: { S: stamp },
  };
  if (sheet.entries.length === 0)
    return [
      {
        ...common,
        ResourceName,
        DateProjectCode: { S: `WEEK#${sheet.week}` },
        IsZeroHourTimesheet: { BOOL: true },
        ZeroHourReason: { S: 'Annual leave' },
      },
      coverage,
    ];
  const entries = sheet.entries.map(
    (entry): Item => ({
      ...common,
      ResourceName,
      DateProjectCode: { S: `${entry.date}#${entry.code}` },
      Date: { S: entry.date },
      ProjectCode: { S: entry.code },
      ProjectName: { S: entry.project },
      Hours: { N: entry.hours },
      IsZeroHourTimesheet: { BOOL: false },
      ProjectCodeGSI: { S: entry.code },
    }),
  );
  return [...entries, coverage];
}

const PEOPLE = [
  'Nik Coultas',
  'Amélie Dupont',
  'Jürgen Weiß',
  'Priya Raman',
  'Tom O’Neill',
  'Sofía García',
  'Wei Zhang',
  'Ola Nordmann',
  'Maya Cohen',
  'Liam Byrne',
  'Zoë Adams',
  'Hiro Tanaka',
  'Ana Souza',
  'Ivan Petrov',
  'Fatima Said',
  'Grace Hall',
  'Luca Rossi',
  'Emma Clark',
  'Noor Khan',
  'Petra Novák',
];
const PROJECTS = [
  ['PJ021931', 'Harbour crane retrofit'],
  ['PJ021942', 'Depot refurbishment'],
  ['PJ030017', 'Signal survey'],
  ['PJ030101', 'Bridge inspection'],
  ['BD000012', 'Business development'],
] as const;
const FIRST_WEEK = Date.parse('2025-03-03');

/**
 * Timesheet number `index` of the seed. The same index always gives the same timesheet. One in 25 is a draft, two have
 * no hours.
 */
export function seedTimesheet(index: number): Timesheet {
  const person = PEOPLE[index % PEOPLE.length] ?? 'Nik Coultas';
  const round = Math.floor(index / PEOPLE.length);
  const week = dayAfter(new Date(FIRST_WEEK).toISOString().slice(0, 10), 7 * round);
  if (index === 57 || index === 143) return { person, week, status: 'Posted', entries: [] };
  const count = 2 + ((index * 7) % 3);
  const entries = Array.from({ length: count }, (_, place) => {
    const [code, project] = PROJECTS[(index + place) % PROJECTS.length] ?? PROJECTS[0];
    return { date: dayAfter(week, place), code, project, hours: ['7.5', '8', '4.25', '6'][(index + place) % 4] ?? '8' };
  });
  return { person, week, status: index % 25 === 12 ? 'Draft' : 'Posted', entries };
}

const SHAPES: readonly ((sheet: Timesheet, index: number) => string)[] = [
  (sheet, index) => `${sheet.week}/${sheet.person.replaceAll(' ', '_')}_${index}.png`,
  (sheet, index) => `${sheet.week}/${sheet.person} (${index}).PNG`,
  (sheet, index) => `2025/${sheet.week}+${index} ${sheet.person}.jpg`,
  (sheet, index) => `scans/100%/${sheet.person}/${index}.jpeg`,
  (sheet, index) => `timesheet ${index} – ${sheet.person}.Jpg`,
];

/**
 * The key of image number `index`. Keys contain spaces, plus signs, per cent signs, Unicode, slashes and mixed case.
 */
export const seedKey = (sheet: Timesheet, index: number): string =>
  (SHAPES[index % SHAPES.length] ?? SHAPES[0])?.(sheet, index) ?? `${index}.png`;
