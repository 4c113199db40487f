import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { freePort } from '../../support/aws/free-port.ts';
import { eventually } from '../../support/eventually.ts';
import { type SwapRig, swapRig } from './swap-rig.ts';
import { describeSwap } from './swap-suite.ts';

/** Python with moto, an implementation of DynamoDB that is independent of the sandbox. */
function hasMoto(): boolean {
  try {
    execFileSync('python3', ['-c', 'import moto.server'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const isHere = hasMoto();
describe.skipIf(!isHere)(isHere ? 'on moto' : 'on moto (skipped: python3 here cannot import moto.server)', () => {
  let moto: ChildProcess;
  let rig: SwapRig;
  beforeAll(async () => {
    const port = await freePort();
    moto = spawn('python3', ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
    const url = `http://127.0.0.1:${port}`;
    await eventually(async () => expect((await fetch(`${url}/moto-api/`)).status).toBe(200), { interval: 100 });
    rig = swapRig(url);
  });
  afterAll(async () => {
    await rig.stop();
    moto.kill();
  });

  describeSwap(() => rig, { keepsTokens: false, knowsNull: false, many: 101 });
});
