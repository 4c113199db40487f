import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createMetrics } from '../../src/http/metrics/metrics.ts';

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');

test('every metric of the registry is described in docs/http.md, those of Node.js by their prefix', () => {
  const page = read('docs/http.md');
  const { registry, descriptions } = createMetrics();
  const own = registry.getMetricsAsArray().flatMap(({ name }) => (/^(?:process|nodejs)_/.test(name) ? [] : [name]));
  expect(descriptions.map(({ name }) => name)).toEqual(own);
  for (const name of own) expect(page).toContain(`| \`${name}\` |`);
  for (const prefix of ['process_…', 'nodejs_…']) expect(page).toContain(prefix);
});
