import type { ScopeControl } from '../../checklist/contracts/scope-control.ts';
import { personOption, SCOPE_FIELD } from '../forms/scope/scope-view.ts';
import type { Permissions } from './permissions.ts';

/** The options that a picker offers for what a person typed. Never throws; at most 100, Slack's limit. */
export type Suggest = (asked: {
  readonly person: string;
  readonly actionId: string;
  readonly typed: string;
}) => Promise<readonly NonNullable<ReturnType<typeof personOption>>[]>;

const MOST_OPTIONS = 100;

/** Only those who may set a scope see the names of the table's people. */
export const createSuggestions =
  (ports: {
    readonly scope: Pick<ScopeControl, 'findPeople'>;
    readonly permissions: Pick<Permissions, 'check'>;
    readonly onError: (error: unknown, message: string) => void;
  }): Suggest =>
  async ({ person, actionId, typed }) => {
    if (actionId !== SCOPE_FIELD.people) return [];
    try {
      if (!(await ports.permissions.check(person, 'operator')).ok) return [];
      const found = await ports.scope.findPeople(typed, MOST_OPTIONS);
      return found.flatMap((one) => personOption(one) ?? []);
    } catch (error) {
      ports.onError(error, 'The people of the table cannot be suggested.');
      return [];
    }
  };
