import type { ActionId } from '../messages/kit/buttons.ts';
import type { Action } from './action.ts';
import { autopilotActions } from './autopilot-actions.ts';
import { checklistActions } from './checklist-actions.ts';
import { lookActions } from './look-actions.ts';
import { planActions } from './plan-actions.ts';
import { resultActions } from './result-actions.ts';
import { runActions } from './run-actions.ts';
import { tableActions } from './table-actions.ts';

export type ActionPorts = Parameters<typeof planActions>[0] &
  Parameters<typeof runActions>[0] &
  Parameters<typeof tableActions>[0] &
  Parameters<typeof checklistActions>[0] &
  Parameters<typeof autopilotActions>[0] &
  Parameters<typeof resultActions>[0] &
  Parameters<typeof lookActions>[0];

/** Every action id and what it does. The compiler says when a button has no handler. */
export const actionTable = (ports: ActionPorts): Readonly<Record<ActionId, Action>> => ({
  ...planActions(ports),
  ...runActions(ports),
  ...tableActions(ports),
  ...checklistActions(ports),
  ...autopilotActions(ports),
  ...resultActions(ports),
  ...lookActions(ports),
});
