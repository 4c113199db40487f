import type { PaceSetting } from '../model/types.ts';

export type ParsedPace =
  | { readonly ok: true; readonly setting: PaceSetting }
  | { readonly ok: false; readonly reason: string };

/** Nobody means more than this. */
const FASTEST_PER_MINUTE = 1_000_000;
const EXAMPLES = '`auto`, `60` (images a minute) or `batch=20 delay=30s`';

const UNIT_SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, sec: 1, m: 60, min: 60 };

const refuse = (reason: string): ParsedPace => ({ ok: false, reason });

/**
 * Reads a pace as people type it: `auto`, `60`, `60/min`, or the words of the runbook, `batch=20 delay=30s` (40 a
 * minute; ms, s, m; a bare number is seconds). The wish is a whole number of images a minute, rounded down. The reason
 * of a refusal repeats nothing but what was typed: escape it before it is shown.
 */
export function parsePace(words: readonly string[]): ParsedPace {
  const text = words.join(' ').trim().toLowerCase().replace(/\s+/g, ' ');
  if (text === '') return refuse(`A pace is missing: ${EXAMPLES}.`);
  if (text === 'auto') return { ok: true, setting: { kind: 'auto' } };
  if (text.includes('=')) return parseBatch(text);
  const plain = /^(-?\d+(?:\.\d+)?)(?: ?(?:\/|per|a) ?(?:min|minute))?$/.exec(text);
  if (!plain?.[1]) return refuse(`"${shorten(text)}" is no pace: ${EXAMPLES}.`);
  const perMinute = Number(plain[1]);
  if (Number.isFinite(perMinute) && !Number.isInteger(perMinute))
    return refuse(`${shorten(plain[1])} is no whole number of images a minute.`);
  return fixed(perMinute);
}

function parseBatch(text: string): ParsedPace {
  const given = new Map<string, string>();
  for (const word of text.replace(/ ?= ?/g, '=').split(' ')) {
    const [name = '', value = ''] = word.split(/=(.*)/);
    if (!word.includes('=') || (name !== 'batch' && name !== 'delay'))
      return refuse(`"${shorten(word)}" is not understood beside batch= and delay=, as in \`batch=20 delay=30s\`.`);
    if (given.has(name)) return refuse(`${name}= is there twice.`);
    given.set(name, value);
  }
  const batchText = given.get('batch');
  const delayText = given.get('delay');
  if (batchText === undefined) return refuse('batch= is missing, as in `batch=20 delay=30s`.');
  if (delayText === undefined) return refuse('delay= is missing, as in `batch=20 delay=30s`.');
  if (!/^\d+$/.test(batchText) || Number(batchText) === 0)
    return refuse(`batch=${shorten(batchText)} is no number of images (a whole number above 0).`);
  const delay = /^(\d+(?:\.\d+)?)(ms|s|sec|m|min)?$/.exec(delayText);
  const seconds = Number(delay?.[1]) * (UNIT_SECONDS[delay?.[2] ?? 's'] ?? Number.NaN);
  if (!(seconds > 0)) return refuse(`delay=${shorten(delayText)} is no time above 0, as in 30s, 500ms or 2m.`);
  const exact = (Number(batchText) * 60) / seconds;
  if (exact < 1) return refuse('That is less than one image a minute, which is the slowest there is.');
  // 7 × 60 ÷ 0.7 comes out a hair under the 600 that is meant.
  return fixed(Math.floor(exact + 1e-9));
}

function fixed(perMinute: number): ParsedPace {
  if (perMinute <= 0) return refuse('A pace is at least 1 image a minute; to halt a run there is pause.');
  if (!(perMinute <= FASTEST_PER_MINUTE)) return refuse('That is more than 1,000,000 images a minute.');
  return { ok: true, setting: { kind: 'fixed', perMinute } };
}

const shorten = (text: string) => (text.length > 40 ? `${text.slice(0, 40)}…` : text);
