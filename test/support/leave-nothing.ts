import { afterAll, vi } from 'vitest';

/**
 * Files of a project without isolation run in one process, one after the other. What one of them set in the environment
 * or replaced is as before for the next one. This runs after the hooks of the file itself.
 */
const environment = { ...process.env };

afterAll(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
});
