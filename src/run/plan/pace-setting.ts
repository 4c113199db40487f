import { type Result, refuse, succeed } from '../../lib/result.ts';
import type { PaceSetting } from '../model/types.ts';

const FASTEST_PER_MINUTE = 1_000_000;
const VALID_PACES = 'Use `auto`, a number of images per minute (`60`), or `batch=20 delay=30s`.';

const UNIT_SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, sec: 1, m: 60, min: 60 };

/**
 * Reads a pace as people type it: `auto`, `60`, `60/min`, or the notation of the runbook, `batch=20 delay=30s` (40
 * images a minute; units ms, s, m; a bare number is seconds). The pace is a whole number of images a minute, rounded
 * down. A refusal repeats what was typed: escape it before it is shown.
 */
export function parsePace(parts: readonly string[]): Result<PaceSetting, string> {
  const text = parts.join(' ').trim().toLowerCase().replace(/\s+/g, ' ');
  if (text === '') return refuse(`The pace is missing. ${VALID_PACES}`);
  if (text === 'auto') return succeed({ kind: 'auto' });
  if (text.includes('=')) return parseBatch(text);
  const plain = /^(-?\d+(?:\.\d+)?)(?: ?(?:\/|per|a) ?(?:min|minute))?$/.exec(text);
  if (!plain?.[1]) return refuse(`\`${shorten(text)}\` is not a valid pace. ${VALID_PACES}`);
  const perMinute = Number(plain[1]);
  if (Number.isFinite(perMinute) && !Number.isInteger(perMinute))
    return refuse(`\`${shorten(plain[1])}\` is not a whole number of images a minute.`);
  return fixed(perMinute);
}

function parseBatch(text: string): Result<PaceSetting, string> {
  const given = new Map<string, string>();
  for (const word of text.replace(/ ?= ?/g, '=').split(' ')) {
    const [name = '', value = ''] = word.split(/=(.*)/);
    if (!word.includes('=') || (name !== 'batch' && name !== 'delay'))
      return refuse(`\`${shorten(word)}\` cannot be combined with \`batch=\` and \`delay=\`. ${VALID_PACES}`);
    if (given.has(name)) return refuse(`\`${name}=\` is given twice.`);
    given.set(name, value);
  }
  const batchText = given.get('batch');
  const delayText = given.get('delay');
  if (batchText === undefined) return refuse('`batch=` is missing. Example: `batch=20 delay=30s`.');
  if (delayText === undefined) return refuse('`delay=` is missing. Example: `batch=20 delay=30s`.');
  if (!/^\d+$/.test(batchText) || Number(batchText) === 0)
    return refuse(`\`batch=${shorten(batchText)}\` is not a whole number of images above 0.`);
  const delay = /^(\d+(?:\.\d+)?)(ms|s|sec|m|min)?$/.exec(delayText);
  const seconds = Number(delay?.[1]) * (UNIT_SECONDS[delay?.[2] ?? 's'] ?? Number.NaN);
  if (!(seconds > 0))
    return refuse(`\`delay=${shorten(delayText)}\` is not a time above 0. Examples: \`30s\`, \`500ms\`, \`2m\`.`);
  const exact = (Number(batchText) * 60) / seconds;
  if (exact < 1) return refuse(LOWEST);
  // 7 × 60 ÷ 0.7 is slightly less than 600 in floating point.
  return fixed(Math.floor(exact + 1e-9));
}

const LOWEST = 'The lowest pace is 1 image a minute. To halt the run use `/rescan pause`.';

function fixed(perMinute: number): Result<PaceSetting, string> {
  if (perMinute <= 0) return refuse(LOWEST);
  if (!(perMinute <= FASTEST_PER_MINUTE)) return refuse('The highest pace is 1,000,000 images a minute.');
  return succeed({ kind: 'fixed', perMinute });
}

// The refusal is shown in Slack, where a backtick would end the quotation.
function shorten(text: string): string {
  const line = text.replaceAll('`', "'");
  return line.length > 40 ? `${line.slice(0, 40)}…` : line;
}
