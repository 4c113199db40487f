import type { DecideApproval } from '../requests/decide-approval.ts';
import type { PlanningPorts } from '../requests/plan-requests.ts';
import { changePlan } from './change-plan.ts';
import { CHANGE_PLAN } from './change-plan-view.ts';
import { chooseRestore, confirmAction } from './confirm-action.ts';
import { confirmDeploy, confirmRollback } from './confirm-deploy.ts';
import { DENY_REQUEST, denyRequest } from './deny-form.ts';
import type { DeployForms } from './deploy-forms.ts';
import { CONFIRM_DEPLOY, CONFIRM_ROLLBACK } from './deploy-view.ts';
import type { FormHandler } from './form.ts';
import type { RestoreRowsForm } from './restore-rows-form.ts';
import { RESTORE_ROWS, submitRestoreRows } from './restore-rows-view.ts';
import { chooseScope, type ScopeForm } from './scope/scope-form.ts';
import { CHOOSE_SCOPE } from './scope/scope-view.ts';
import type { TableForms } from './table-forms.ts';
import { CHOOSE_RESTORE, CONFIRM_ACTION } from './table-views.ts';

/** The handler of every modal, by its callback_id. */
export const formTable = (
  planning: PlanningPorts,
  forms: Pick<TableForms, 'ask' | 'askToKeep' | 'showRestore'>,
  deploys: Pick<DeployForms, 'deploy' | 'ask' | 'inspectZip' | 'rollback'>,
  putBack: Pick<RestoreRowsForm, 'ask'>,
  decide: DecideApproval,
  scopeForm: Pick<ScopeForm, 'set'>,
): ReadonlyMap<string, FormHandler> =>
  new Map([
    [CHANGE_PLAN, changePlan(planning)],
    [CONFIRM_ACTION, confirmAction(forms)],
    [CHOOSE_RESTORE, chooseRestore(forms)],
    [CONFIRM_DEPLOY, confirmDeploy(deploys)],
    [CONFIRM_ROLLBACK, confirmRollback(deploys)],
    [RESTORE_ROWS, submitRestoreRows(putBack)],
    [DENY_REQUEST, denyRequest(decide)],
    [CHOOSE_SCOPE, chooseScope(scopeForm)],
  ]);
