import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { createMetrics } from '../../src/http/metrics/metrics.ts';

const pathOf = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const ALERTS = pathOf('deploy/alerts.yml');

const rules = z
  .strictObject({
    groups: z.array(
      z.strictObject({
        name: z.string(),
        rules: z.array(
          z.strictObject({
            alert: z.string().regex(/^Rescan[A-Z]\w+$/),
            expr: z.string().min(1),
            for: z.string().regex(/^\d+[smh]$/),
            labels: z.strictObject({ severity: z.enum(['critical', 'warning']) }),
            annotations: z.strictObject({ summary: z.string().min(1), description: z.string().min(1) }),
          }),
        ),
      }),
    ),
  })
  .parse(parse(readFileSync(ALERTS, 'utf8')))
  .groups.flatMap((group) => group.rules);

const dashboard = z
  .looseObject({
    panels: z.array(
      z.looseObject({
        id: z.number(),
        title: z.string(),
        targets: z.array(z.looseObject({ expr: z.string() })).default([]),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(pathOf('deploy/grafana-dashboard.json'), 'utf8')));

const EXPRESSIONS = [
  ...rules.map(({ alert, expr }) => [alert, expr] as const),
  ...dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)),
];

const { registry, descriptions } = createMetrics();
const known = new Set(registry.getMetricsAsArray().map(({ name }) => name));
const labelsOf = (metric: string) => descriptions.find(({ name }) => name === metric)?.labels;

/** A metric of an expression, with the labels by which it is selected. */
function metricsIn(expression: string): readonly { readonly name: string; readonly labels: readonly string[] }[] {
  const found = expression.matchAll(/\b((?:rescan|process|nodejs)_[a-z0-9_]+)(?:\{([^}]*)\})?/g);
  return [...found].map(([, name = '', selectors = '']) => ({
    name: name.replace(/_(?:bucket|count|sum)$/, ''),
    labels: [...selectors.matchAll(/([a-z_]+)\s*=/g)].map(([, label = '']) => label),
  }));
}

/** What is wrong with the metrics of an expression: names and labels that the registry does not have. */
const problemsOf = (expression: string): readonly string[] =>
  metricsIn(expression).flatMap(({ name, labels }) => [
    ...(known.has(name) ? [] : [`no metric ${name}`]),
    ...labels.filter((label) => labelsOf(name)?.includes(label) === false).map((label) => `${name} has no ${label}`),
  ]);

test.each(EXPRESSIONS)('%s uses only metrics and labels that the bot has', (_name, expression) => {
  expect(metricsIn(expression).length).toBeGreaterThan(0);
  expect(problemsOf(expression)).toEqual([]);
});

test('a metric or a label that the bot does not have is found in an expression', () => {
  expect(problemsOf('max(rescan_runs) > 0')).toEqual(['no metric rescan_runs']);
  expect(problemsOf('rescan_run_state{status="running"}')).toEqual(['rescan_run_state has no status']);
});

test('no alert and no panel has the name of another one', () => {
  for (const names of [rules.map(({ alert }) => alert), dashboard.panels.map(({ id }) => id)])
    expect(new Set<unknown>(names).size).toBe(names.length);
});

test('every metric of the bot is on the dashboard', () => {
  const shown = new Set(
    dashboard.panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => metricsIn(expr))).map(({ name }) => name),
  );
  expect(descriptions.map(({ name }) => name).filter((name) => !shown.has(name))).toEqual([]);
});

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
test.skipIf(!hasPromtool)('promtool accepts the alert rules (skipped where promtool is not found)', () => {
  const checked = spawnSync('promtool', ['check', 'rules', ALERTS], { encoding: 'utf8' });
  expect(checked.status, `${checked.stdout}${checked.stderr}`).toBe(0);
});
