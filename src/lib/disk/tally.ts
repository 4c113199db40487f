import { createLineSorter, type LineSorterOptions, visitGroups } from './external-sort.ts';

/** How one kind of totals is added up and kept. */
export interface TallyOf<T> {
  readonly zero: T;
  readonly plus: (a: T, b: T) => T;
  /** Decides the order: the most first. */
  readonly weight: (totals: T) => number;
  readonly encode: (totals: T) => unknown;
  readonly decode: (json: string) => T;
}

/** Totals by name: those of the most weight, and all others as one, so that the sum is exact. */
export interface TopTotals<T> {
  /** The most weight first; by name where it is equal. */
  readonly top: readonly { readonly name: string; readonly totals: T }[];
  /** How many names the others are, and their totals. */
  readonly others: { readonly names: number; readonly totals: T };
}

export interface Tally<T> {
  add(name: string, totals: T): void;
  flushIfLarge(): Promise<void>;
  /** To be called once, after the last. */
  top(most: number, signal?: AbortSignal): Promise<TopTotals<T>>;
  dispose(): Promise<void>;
}

/** Names whose totals are held before they go to disk. */
const HELD_NAMES = 4_096;

/** Adds totals up by name, exactly, for any number of names in the same memory. */
export function createTally<T>(
  of: TallyOf<T>,
  options: LineSorterOptions & { readonly heldNames?: number } = {},
): Tally<T> {
  const heldNames = options.heldNames ?? HELD_NAMES;
  const sorter = createLineSorter(options);
  let held = new Map<string, T>();
  const partitions = () => {
    for (const [name, totals] of held) sorter.add(`${JSON.stringify(name)}\t${JSON.stringify(of.encode(totals))}`);
    held = new Map();
  };
  return {
    add(name, totals) {
      held.set(name, of.plus(held.get(name) ?? of.zero, totals));
      if (held.size >= heldNames) partitions();
    },
    flushIfLarge: sorter.flushIfLarge,
    async top(most, signal) {
      partitions();
      let top: { name: string; totals: T }[] = [];
      let names = 0;
      let rest = of.zero;
      const cut = () => {
        top.sort((a, b) => of.weight(b.totals) - of.weight(a.totals) || (a.name < b.name ? -1 : 1));
        for (const { totals } of top.slice(most)) rest = of.plus(rest, totals);
        top = top.slice(0, most);
      };
      const visit = (key: string, values: readonly string[]) => {
        const name: string = JSON.parse(key);
        const totals = values.map(of.decode).reduce(of.plus, of.zero);
        names += 1;
        top.push({ name, totals });
        if (top.length >= 1_000 + most * 2) cut();
      };
      await visitGroups(sorter.sorted(signal), visit, async () => {});
      cut();
      return { top, others: { names: names - top.length, totals: rest } };
    },
    dispose: sorter.dispose,
  };
}
