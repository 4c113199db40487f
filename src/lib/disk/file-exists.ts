import { access } from 'node:fs/promises';

/** Whether something exists at the path. A path that may not be read counts as absent. */
export const fileExists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
