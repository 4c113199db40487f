import { expect, test } from 'vitest';
import {
  ASSUMED,
  exportUsd,
  figuresOf,
  LIMITS,
  MEASURED,
  PACES,
  recoveryUsdPerMonth,
  runTable,
  STEPS,
  scanUnits,
  stepTables,
} from '../../docs/generate/scale.ts';
import { TRANSITIONS } from '../../src/run/rules/engine-cost.ts';

const stepNamed = (name: string) => {
  const found = STEPS.find((step) => step.name.startsWith(name));
  if (!found) throw new Error(`There is no step ${name}`);
  return found;
};

test('The figures of docs/scale.md follow from its constants: CPU, writes, money and disk of a flush of 10^8 records', () => {
  const flush = figuresOf(stepNamed('flush'), 1e8);
  expect(flush.cpuSeconds).toBeCloseTo(59e-6 * 1e8, 6);
  // Two units a record at 40,000 units a second.
  expect(flush.writeSeconds).toBe(5_000);
  // 4 write units a record with 2 indexes, and three scans of 4 records a unit.
  expect(flush.usd).toBeCloseTo(1e8 * 4 * 0.625e-6 + 3 * 0.25e8 * 0.125e-6, 6);
  expect(flush.diskKb).toBeCloseTo(52 * 1e5, 6);
  expect(stepTables()).toContain('| flush | 1.64 h | 83.3 min | $259 | 5.2 GB |');
});

test('A scan takes a read unit for each 4 KB, and an export is paid by the size of the table', () => {
  expect(scanUnits(1e6)).toBe(250_000);
  expect(exportUsd(1e9)).toBeCloseTo(100, 9);
  expect(recoveryUsdPerMonth(1e9)).toBeCloseTo(200, 9);
  expect(figuresOf(stepNamed('backup'), 1e9).usd).toBeCloseTo(31.25, 9);
});

test('The paces follow from quotas, and those of STANDARD children from the transitions of the state machine', () => {
  const paceOf = (name: string) => PACES.find((pace) => pace.name.startsWith(name))?.perMinute;
  expect(paceOf('the default model quota')).toBe(160);
  expect(paceOf('STANDARD children: state transitions, rows of one image')).toBe((5_000 * 60) / 10);
  expect(paceOf('STANDARD children: state transitions, rows of 10 images')).toBeCloseTo((5_000 * 60) / 6.4, 6);
  expect(TRANSITIONS.start + TRANSITIONS.row + TRANSITIONS.image).toBe(10);
  expect(paceOf('10,000 children')).toBe(120_000);
  expect(runTable()).toContain('| Step Functions, STANDARD children | $2.52 | $252 | $25,200 |');
});

test('Every constant has a unit and a source', () => {
  for (const { value, unit, from } of [MEASURED, ASSUMED, LIMITS].flatMap((group) => Object.values(group))) {
    expect(value).toBeGreaterThan(0);
    expect(unit).not.toBe('');
    expect(from).not.toBe('');
  }
});
