import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import type { DeployPlan, WrapperState } from '../../pipeline/package/function-package.ts';
import { type ControlTable, type Key, readParsed } from '../../state/table/control-table.ts';
import type { DeployEvent } from '../contracts/step-control.ts';
import type { DeployStore } from './deploy-store.ts';
import { planOf } from './finish-deploy.ts';

type Removed = Extract<DeployEvent, { kind: 'wrapper-removed' }>;

export interface WrapperWatchPorts {
  readonly store: Pick<DeployStore, 'last'>;
  readonly clock: Clock;
  readonly notes: WrapperNotes;
  readonly activeRun: () => Promise<string | undefined>;
  readonly readWrapper: (plan: DeployPlan, known: ReadonlyMap<string, boolean>) => Promise<WrapperState>;
  /** Resolves to whether everything that people must hear is stored. */
  readonly emit: (event: Removed) => Promise<boolean>;
  readonly warn: (message: string, cause: unknown) => void;
}

/** Which removal is being reported, or was: of all processes of the bot one reports it. */
export interface WrapperNotes {
  /** Whether this process has to report it. */
  claim(identity: string, now: number): Promise<boolean>;
  setReported(identity: string): Promise<void>;
  /** Our handler is in place: its next removal is reported again. */
  clear(): Promise<void>;
}

/** Noticed within five minutes, the call included. */
const WATCH_EVERY_MS = 4 * 60_000;
/** The process that claimed the report has died if it has not stored that it is done by then, ms. */
const CLAIM_MS = 60_000;
const MAX_KNOWN = 20;

/**
 * Looks whether a deploy that is in effect was undone by somebody else: every four minutes, while no run is active (a run
 * finds that out by itself), with one call to Lambda.
 */
export function createWrapperWatch(ports: WrapperWatchPorts): { watch(closing: AbortSignal): Promise<void> } {
  const { clock, notes } = ports;
  /** Whether the package with this hash has our handler: each is read once. */
  const known = new Map<string, boolean>();

  async function look(): Promise<void> {
    const last = await ports.store.last();
    // Nothing relies on our handler, or a deploy or rollback is in progress.
    if (last?.state !== 'deployed' || (await ports.activeRun()) !== undefined) return;
    const plan = planOf(last);
    const found = await ports.readWrapper(plan, known);
    if (found.kind === 'in-place') return notes.clear();
    if (known.size >= MAX_KNOWN) known.clear();
    if (found.what === 'code') known.set(found.codeSha256, false);
    // A deploy of the bot may have begun while the function was read.
    if ((await ports.store.last())?.state !== 'deployed') return;
    const identity = `${found.codeSha256}/${found.handler}`;
    if (!(await notes.claim(identity, Math.round(clock.now())))) return;
    const { functionName } = plan;
    const event: Removed = { kind: 'wrapper-removed', deployId: last.id, functionName, removed: found };
    if (await ports.emit(event)) await notes.setReported(identity);
  }

  return {
    async watch(closing) {
      while (!closing.aborted) {
        await look().catch((error) => ports.warn('whether failure logging is in place could not be read', error));
        await clock.sleep(WATCH_EVERY_MS, closing);
      }
    },
  };
}

const noteSchema = z.object({ identity: z.string(), at: z.number(), isReported: z.boolean() });

/** The notes of the pipeline `name` in the control table: `pipeline#NAME` / `wrapper-removed`. */
export function createWrapperNotes(table: ControlTable, name: string): WrapperNotes {
  const key: Key = { pk: `pipeline#${name}`, sk: 'wrapper-removed' };
  return {
    async claim(identity, now) {
      const note = await readParsed(table, key, noteSchema);
      const mine = { identity, at: now, isReported: false };
      if (!note) return table.create(key, mine);
      if (note.identity === identity && (note.isReported || now - note.at < CLAIM_MS)) return false;
      return (await table.update(key, { set: mine }, { equals: { identity: note.identity, at: note.at } })).ok;
    },
    async setReported(identity) {
      await table.update(key, { set: { isReported: true } }, { equals: { identity } });
    },
    async clear() {
      if (await table.read(key)) await table.remove(key);
    },
  };
}
