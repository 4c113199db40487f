import { createMetrics } from '../../src/http/metrics/metrics.ts';

/** Every metric of the bot as a Markdown table, without those of Node.js itself. */
export const metricsTable = (): string =>
  [
    '| metric | type | labels | meaning |',
    '| --- | --- | --- | --- |',
    ...createMetrics().descriptions.map(
      ({ name, type, labels, help }) => `| \`${name}\` | ${type} | ${labels.join(', ')} | ${help} |`,
    ),
  ].join('\n');
