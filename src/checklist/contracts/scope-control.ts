import type { Result } from '../../lib/result.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { ProfilePart } from '../../pipeline/profile/profile.ts';
import type { Person } from '../../run/model/types.ts';
import type { PeopleIndex } from '../../run/scope/people-index.ts';
import type { Scope, ScopeRefusal, ScopeRequest } from '../../run/scope/scope.ts';

/** Why the scope of the checklist was not set. */
export type SetScopeRefusal =
  | ScopeRefusal
  /** The flush of this checklist was asked for or done, or its run was started: the scope cannot change any more. */
  | { readonly reason: 'scope-fixed'; readonly by: 'flush' | 'rescan'; readonly scope?: Scope }
  | { readonly reason: 'no-scope' }
  | { readonly reason: 'fault'; readonly fault: Fault };

/** The scope of the open checklist: what its flush deletes and its run processes. Without one a checklist covers everything. */
export interface ScopeControl {
  current(): Promise<Scope | undefined>;
  /** Finds the images and records of a scope, freezes the images, and makes it the scope of the open checklist. */
  set(request: ScopeRequest, by: Person): Promise<Result<Scope, SetScopeRefusal>>;
  /** What the profile of the pipeline does not know: no scope can be chosen by it. */
  readonly lacks: readonly ProfilePart[];
  /** People of the table, by a part of their name. */
  findPeople: PeopleIndex['find'];
  /** The checklist covers everything again. */
  clear(by: Person): Promise<Result<Scope, SetScopeRefusal>>;
}
