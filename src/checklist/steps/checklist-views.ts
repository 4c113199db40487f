import { defined } from '../../lib/defined.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { ChecklistRecord } from '../model/checklist-record.ts';
import { type ChecklistView, nextStep, viewSteps } from '../model/checklist-view.ts';
import { type ClosedStep, STEPS } from '../model/step.ts';
import { type FactPorts, gatherFacts, isOf } from './checklist-facts.ts';

/** The view of the open checklist, by facts that are read now; of an empty one when none is open. */
export async function openView(ports: FactPorts, open: ChecklistRecord | undefined): Promise<ChecklistView> {
  const unread: Fault[] = [];
  const facts = await gatherFacts(ports, open, unread, 'view');
  const steps = viewSteps(facts, ports.rules);
  return {
    ...(open ? { id: open.id, openedBy: open.openedBy, openedAt: open.openedAt } : {}),
    steps,
    unread,
    ...defined({ next: nextStep(steps), run: facts.run, scope: open?.scope ?? undefined }),
  };
}

/** The view of a closed checklist: its steps as they were when it was closed, and the validation that came after. */
export async function closedView(
  { store, currentRun }: Pick<FactPorts, 'store' | 'currentRun'>,
  record: ChecklistRecord,
  closedAt: number,
): Promise<ChecklistView> {
  const { id, openedBy, openedAt, outcome } = record;
  const records = await store.steps(id);
  const whenClosed =
    record.steps ??
    STEPS.map((step) => records.find((stored) => stored.step === step) ?? { step, state: 'to-do' as const });
  const steps = whenClosed.map((step): ClosedStep => {
    const validated = step.step === 'validate' ? records.find((stored) => stored.step === 'validate') : undefined;
    return validated ?? step;
  });
  const validate = steps.find(({ step }) => step === 'validate');
  const isUnvalidated = outcome?.kind === 'completed' && validate?.state === 'to-do';
  const run = await currentRun();
  return {
    id,
    openedBy,
    openedAt,
    closedAt,
    steps,
    next: isUnvalidated ? 'validate' : 'backup',
    unread: [],
    ...defined({ outcome, scope: record.scope ?? undefined, run: run && isOf(record, run) ? run : undefined }),
  };
}
