import { expect, test } from 'vitest';
import { RestoreDigestMismatchError } from '../../../src/backup/errors.ts';
import { FAULTS_TIMEOUT_MS, FULL } from '../../support/fault-forms.ts';
import type { Call, Fate } from '../../support/memory/aws/clients.ts';
import { s3Error } from '../../support/memory/aws/s3.ts';
import { createFaultWorld, EDITS, type FaultWorld } from './fault-world.ts';

type Ports = FaultWorld['undisturbed'];
const OPERATIONS = ['flush', 'restore'] as const;
type Operation = (typeof OPERATIONS)[number];

/** A world with a backup whose table has changed since; `operate` runs the operation on it. */
async function driftedWorld(operation: Operation) {
  const world = createFaultWorld();
  const { id } = await world.makeBackup();
  for (const [index, kind] of EDITS.entries()) world.edit(kind, index);
  const operate = (ports: Ports) => (operation === 'flush' ? world.flush(ports, id) : world.restore(ports, id));
  return { world, operate };
}

/** Runs the operation, with `interfere` at its first attempt; it is called again until it ends. Returns the attempts. */
async function runToTheEnd(operation: Operation, interfere: (call: Call, world: FaultWorld) => Fate) {
  const { world, operate } = await driftedWorld(operation);
  let attempts = 0;
  for (let ended = false; !ended; ) {
    attempts += 1;
    const ports = attempts === 1 ? world.life((call) => interfere(call, world)) : world.undisturbed;
    await operate(ports).then(
      () => {
        ended = true;
      },
      (error: unknown) => {
        // An edit that comes after a record was written is not undone: the restore reports it.
        if (error instanceof RestoreDigestMismatchError) ended = true;
        else if (attempts === 3) throw error;
      },
    );
  }
  return { world, attempts };
}

const callsOf = async (operation: Operation): Promise<number> => {
  let calls = 0;
  await runToTheEnd(operation, () => {
    calls += 1;
    return undefined;
  });
  return calls;
};

test.each(OPERATIONS)(
  'A %s of which any one call is lost, before or after it was answered, loses no version',
  async (operation) => {
    const calls = await callsOf(operation);
    expect(calls).toBeGreaterThan(40);
    for (const fate of ['not-sent', 'answer-lost'] as const)
      for (let number = 1; number <= calls; number += FULL ? 1 : 13) {
        const { world } = await runToTheEnd(operation, (call, { edit }) => {
          // The record that is edited right after the loss is the one that a repetition meets.
          if (call.number === number + 1) edit('in-map', number % 14);
          return call.number === number ? fate : undefined;
        });
        expect({ number, fate, lost: world.lost, missing: world.missing() }).toEqual({
          number,
          fate,
          lost: [],
          missing: [],
        });
        if (operation === 'flush') expect(world.rows().size).toBeLessThanOrEqual(1);
      }
  },
  FAULTS_TIMEOUT_MS,
);

test.each(OPERATIONS)(
  'A %s stops when S3 refuses the supplement, from any file on, and has deleted nothing that is not saved',
  async (operation) => {
    for (let from = 1; from <= 6; from += 1) {
      let writes = 0;
      let edits = 0;
      const { world, attempts } = await runToTheEnd(operation, ({ service, operation: called, about }, { edit }) => {
        if (called === 'TransactWriteItems' || called === 'DeleteItem') {
          edits += 1;
          edit('value', edits % 14);
        }
        if (service !== 's3' || called !== 'PUT' || !about.includes('/supplement/')) return undefined;
        writes += 1;
        return writes >= from ? { s3: s3Error(403, 'AccessDenied') } : undefined;
      });
      expect(attempts).toBe(writes >= from ? 2 : 1);
      if (from === 1) expect(attempts).toBe(2);
      expect({ from, lost: world.lost, missing: world.missing() }).toEqual({ from, lost: [], missing: [] });
    }
  },
  FAULTS_TIMEOUT_MS,
);

test.each(OPERATIONS)(
  'A %s meets an edit of each kind before each of its calls, and loses no version',
  async (operation) => {
    const calls = await callsOf(operation);
    for (const kind of EDITS)
      for (let number = 1; number <= calls; number += FULL ? 7 : 63) {
        const { world } = await runToTheEnd(operation, (call, { edit }) => {
          if (call.number >= number && call.number < number + 7) edit(kind, call.number % 14);
          return undefined;
        });
        expect({ kind, number, lost: world.lost, missing: world.missing() }).toEqual({
          kind,
          number,
          lost: [],
          missing: [],
        });
      }
  },
  FAULTS_TIMEOUT_MS,
);
