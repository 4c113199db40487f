import type { PlanningPorts } from '../planning.ts';
import { changePlan } from './change-plan.ts';
import { CHANGE_PLAN } from './change-plan-view.ts';
import type { View } from './view.ts';

/** Every callback_id of a modal, and what its submission comes to. */
export const viewTable = (planning: PlanningPorts): ReadonlyMap<string, View> =>
  new Map([[CHANGE_PLAN, changePlan(planning)]]);
