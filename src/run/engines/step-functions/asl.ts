/** The parts of the Amazon States Language that the definition is made of. */

/** A state or a field of one. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };
export type Definition = { readonly [name: string]: Json };

/** A retrier with exponential backoff up to a minute and full jitter. */
export const retryOf = (errors: readonly string[], seconds: number, attempts: number): Json => ({
  ErrorEquals: errors,
  IntervalSeconds: seconds,
  BackoffRate: 2,
  MaxDelaySeconds: 60,
  MaxAttempts: attempts,
  JitterStrategy: 'FULL',
});
// Rules of Choice states.
export const and = (...rules: Json[]): Definition => ({ And: rules });
export const or = (...rules: Json[]): Definition => ({ Or: rules });
export const not = (rule: Json): Definition => ({ Not: rule });
export const isPresent = (path: string): Definition => ({ Variable: path, IsPresent: true });
export const isText = (path: string, text: string): Definition =>
  and(isPresent(path), { Variable: path, StringEquals: text });
export const contains = (path: string, ...texts: readonly string[]): Definition =>
  or(...texts.map((text) => ({ Variable: path, StringMatches: `*${text}*` })));
export const oneOf = (path: string, names: readonly string[]): Definition =>
  or(...names.map((name) => ({ Variable: path, StringEquals: name })));
