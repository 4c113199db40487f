import { expect, test } from 'vitest';
import { installedMachine } from '../../../src/app/runs/engine-control.ts';
import { imagesPerRow } from '../../../src/run/engines/step-functions/child-type.ts';
import type { EngineReport } from '../../../src/run/engines/step-functions/install.ts';
import { engineReports } from '../../support/messages/engine-reports.ts';

const reportWith = (kind: EngineReport['installation']['kind']): EngineReport => {
  const found = engineReports((value) => value).find(({ installation }) => installation.kind === kind);
  if (!found) throw new Error(`There is no report of ${kind}`);
  return found;
};

test('The estimate of a plan knows the children and the rows of a state machine that this bot installed', async () => {
  const machine = await installedMachine({ report: async () => reportWith('current') }, () => {});
  expect(machine?.childType).toBe('STANDARD');
  for (const pace of [160, 9_000]) expect(machine?.imagesPerRow(pace)).toBe(imagesPerRow(pace, 'STANDARD', 60_000));
  expect(machine?.imagesPerRow(9_000)).toBeGreaterThan(1);
});

test('The estimate of a plan has no state machine where none is installed, or where it cannot be read, which is logged', async () => {
  for (const kind of ['missing', 'outdated', 'foreign', 'deleting'] as const)
    expect(await installedMachine({ report: async () => reportWith(kind) }, () => {})).toBeUndefined();
  const warnings: string[] = [];
  const denied = () => Promise.reject(new Error('denied'));
  expect(await installedMachine({ report: denied }, (message) => void warnings.push(message))).toBeUndefined();
  expect(warnings).toEqual(['The state machine could not be read, so the plan has no cost of AWS Step Functions.']);
});
