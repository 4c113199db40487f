import type { ActionId } from '../messages/kit/buttons.ts';
import type { Action } from './action.ts';
import { autopilotActions } from './autopilot-actions.ts';
import { checklistActions } from './checklist-actions.ts';
import { engineActions } from './engine-actions.ts';
import { logActions } from './log-actions.ts';
import { planActions } from './plan-actions.ts';
import { resultActions } from './result-actions.ts';
import { runActions } from './run-actions.ts';
import { shareActions } from './share-actions.ts';
import { tableActions } from './table-actions.ts';

export type ActionPorts = Parameters<typeof planActions>[0] &
  Parameters<typeof runActions>[0] &
  Parameters<typeof tableActions>[0] &
  Parameters<typeof checklistActions>[0] &
  Parameters<typeof autopilotActions>[0] &
  Parameters<typeof resultActions>[0] &
  Parameters<typeof engineActions>[0] &
  Parameters<typeof logActions>[0] &
  Parameters<typeof shareActions>[0];

/** The handler of every button. The compiler reports a button without a handler. */
export const actionTable = (ports: ActionPorts): Readonly<Record<ActionId, Action>> => ({
  ...planActions(ports),
  ...runActions(ports),
  ...tableActions(ports),
  ...checklistActions(ports),
  ...autopilotActions(ports),
  ...resultActions(ports),
  ...engineActions(ports),
  ...logActions(ports),
  ...shareActions(ports),
});
