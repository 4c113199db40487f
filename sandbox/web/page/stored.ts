import { useState } from 'preact/hooks';

const KEY = (name: string) => `rescan-sandbox-${name}`;

/** A value that the page keeps in the local storage of this browser. */
export function useStored(name: string, otherwise: string): readonly [string, (value: string) => void] {
  const [value, setValue] = useState(() => localStorage.getItem(KEY(name)) ?? otherwise);
  return [
    value,
    (next) => {
      localStorage.setItem(KEY(name), next);
      setValue(next);
    },
  ];
}

function readNumbers(text: string | null): Readonly<Record<string, number>> {
  try {
    const read: unknown = JSON.parse(text ?? '{}');
    if (typeof read !== 'object' || read === null) return {};
    return Object.fromEntries(Object.entries(read).filter((entry) => typeof entry[1] === 'number'));
  } catch {
    // Not written by this page: ignored.
    return {};
  }
}

/** The time until which each person has read each channel, by `person/channel`. */
export function useSeen(): readonly [Readonly<Record<string, number>>, (place: string, until: number) => void] {
  const [seen, setSeen] = useState(() => readNumbers(localStorage.getItem(KEY('seen'))));
  return [
    seen,
    (place, until) =>
      setSeen((before) => {
        if ((before[place] ?? 0) >= until) return before;
        const after = { ...before, [place]: until };
        localStorage.setItem(KEY('seen'), JSON.stringify(after));
        return after;
      }),
  ];
}
