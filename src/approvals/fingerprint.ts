/**
 * The state of the world that an approval is given on: facts by name, in words that a person can compare ("entries
 * counted": "4,187"). An approval holds for this and for nothing else.
 */
export type Fingerprint = readonly Fact[];
export interface Fact {
  readonly name: string;
  readonly value: string;
}

/** One fact that is not what it was when the approval was asked for. */
export interface ChangedFact {
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

const ABSENT = 'not there';

/** What differs between two fingerprints, facts that only one of them has included. Equal ones give an empty list. */
export function changedFacts(before: Fingerprint, after: Fingerprint): ChangedFact[] {
  const then = new Map(before.map((fact) => [fact.name, fact.value]));
  const now = new Map(after.map((fact) => [fact.name, fact.value]));
  return [...new Set([...then.keys(), ...now.keys()])].flatMap((name) => {
    const changed = { name, before: then.get(name) ?? ABSENT, after: now.get(name) ?? ABSENT };
    return changed.before === changed.after ? [] : [changed];
  });
}
