import nock from 'nock';
import { onTestFinished } from 'vitest';

// nock replaces the HTTP client of the whole process as soon as it is imported.
nock.restore();

/** nock, until the end of this test. */
export function nockInThisTest(): typeof nock {
  nock.activate();
  onTestFinished(() => {
    nock.cleanAll();
    nock.enableNetConnect();
    nock.restore();
  });
  return nock;
}
