/**
 * The state that an approval is given on: named facts with values that a person can compare ("records counted": "4,187").
 * An approval covers this state and no other.
 */
export type Fingerprint = readonly Fact[];
export interface Fact {
  readonly name: string;
  readonly value: string;
}

/** A fact that is no longer what it was when the approval was asked for. */
export interface ChangedFact {
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

const ABSENT = 'none';

/** The facts in which two fingerprints differ, including those that only one of them has. Empty where they are equal. */
export function changedFacts(before: Fingerprint, after: Fingerprint): ChangedFact[] {
  const then = new Map(before.map((fact) => [fact.name, fact.value]));
  const now = new Map(after.map((fact) => [fact.name, fact.value]));
  return [...new Set([...then.keys(), ...now.keys()])].flatMap((name) => {
    const changed = { name, before: then.get(name) ?? ABSENT, after: now.get(name) ?? ABSENT };
    return then.get(name) === now.get(name) ? [] : [changed];
  });
}
