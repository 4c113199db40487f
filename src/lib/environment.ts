import { defined } from './defined.ts';
import { type Result, refuse, succeed } from './result.ts';

/**
 * Typed settings from environment variables: what a variable may hold, how its text is read, and what is wrong with it.
 */

/** Which texts a setting may hold. `read` returns undefined for any other text. */
export interface Kind<Value> {
  readonly allowed: string;
  /** The unit of the text in the variable; the parsed value has its unit in its name. */
  readonly unit?: string;
  readonly read: (text: string) => Value | undefined;
}

export interface Setting<Value> extends Kind<Value> {
  readonly variable: string;
  readonly about: string;
  /** What an unset variable means. Absent: the setting is required. */
  readonly defaultText?: string;
}

export const setting = <Value>(
  variable: string,
  about: string,
  kind: Kind<Value>,
  defaultText?: string,
): Setting<Value> => defined({ variable, about, ...kind, defaultText });

export const text = (allowed: string, isAllowed: (text: string) => boolean): Kind<string> => ({
  allowed,
  read: (given) => (isAllowed(given) ? given : undefined),
});
export const matching = (allowed: string, pattern: RegExp) => text(allowed, (given) => pattern.test(given));

export const anyText = text('any text', () => true);
export const url = text('a URL', (given) => URL.canParse(given));

/** The same, or nothing: the setting may be empty. */
export const optional = <Value>(kind: Kind<Value>): Kind<Value | ''> => ({
  ...kind,
  allowed: `${kind.allowed}, or empty`,
  read: (given) => (given === '' ? '' : kind.read(given)),
});

export const list = (allowed: string, isAllowed: (part: string) => boolean = () => true): Kind<readonly string[]> => ({
  allowed,
  read(given) {
    const parts = given.split(',').map((part) => part.trim());
    const found = parts.filter((part) => part !== '');
    return found.every(isAllowed) ? found : undefined;
  },
});

export const oneOf = <Choice extends string>(...choices: readonly Choice[]): Kind<Choice> => ({
  allowed: choices.join(', ').replace(/, ([^,]*)$/, ' or $1'),
  read: (given) => choices.find((choice) => choice === given),
});

/** A decimal number without a sign or an exponent. */
export const number = (min: number, max: number, unit?: string): Kind<number> => ({
  allowed: `a number from ${min} to ${max}`,
  ...defined({ unit }),
  read: (given) =>
    /^\d+(\.\d+)?$/.test(given) && Number(given) >= min && Number(given) <= max ? Number(given) : undefined,
});

export const whole = (min: number, max: number, unit?: string): Kind<number> => {
  const any = number(min, max, unit);
  return {
    ...any,
    allowed: `a whole number from ${min} to ${max}`,
    read: (given) => (Number.isInteger(Number(given)) ? any.read(given) : undefined),
  };
};

/** A number of `unit` that is parsed into another unit, `factor` times as many. */
export const converted = (min: number, max: number, unit: string, factor: number): Kind<number> => {
  const any = number(min, max, unit);
  return {
    ...any,
    read: (given) => {
      const value = any.read(given);
      return value === undefined ? undefined : value * factor;
    },
  };
};
export const seconds = (min: number, max: number) => converted(min, max, 'seconds', 1_000);
export const minutes = (min: number, max: number) => converted(min, max, 'minutes', 60_000);
export const hours = (min: number, max: number) => converted(min, max, 'hours', 3_600_000);
export const percent = (min: number, max: number) => whole(min, max, 'percent');

type PerMinute = { readonly kind: 'auto' } | { readonly kind: 'fixed'; readonly perMinute: number };
export const perMinuteOrAuto = (unit: string): Kind<PerMinute> => {
  const perMinute = whole(1, 1_000_000);
  return {
    allowed: `auto, or ${perMinute.allowed}`,
    unit,
    read(given) {
      if (given === 'auto') return { kind: 'auto' };
      const value = perMinute.read(given);
      return value === undefined ? undefined : { kind: 'fixed', perMinute: value };
    },
  };
};

export const boolean: Kind<boolean> = {
  allowed: 'true or false',
  read: (given) => (given === 'true' ? true : given === 'false' ? false : undefined),
};

/** The values of a schema of settings. */
export type ValuesOf<Schema> = {
  readonly [Name in keyof Schema]: Schema[Name] extends Setting<infer Value> ? Value : never;
};

/** One line for each variable that is missing, malformed, or contradicts another one. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly lines: readonly string[];
  constructor(lines: readonly string[]) {
    super(lines.join('\n'));
    this.lines = lines;
  }
}

/** A setting that is missing, malformed or not allowed together with another one. */
export interface SettingProblem {
  readonly variable: string;
  /** As `problemLine` makes it. */
  readonly line: string;
}

export const isSecret = (variable: string) => /TOKEN|SECRET|PASSWORD|ACCESS_KEY|ROUTING_KEY|WEBHOOK_URL/.test(variable);

/** Names a setting, its value (only the beginning of a secret) and what is allowed, in one line. */
export function problemLine(variable: string, value: string, allowed: string, defaultText = ''): string {
  const shown = isSecret(variable) ? `${value.slice(0, 5)}…` : JSON.stringify(value);
  const unset = defaultText === '' ? 'not set' : `not set (default ${defaultText})`;
  return `${variable} is ${value === '' ? unset : shown}. Allowed: ${allowed}.`;
}

export type Schema = Readonly<Record<string, Setting<unknown>>>;

/** A setting that is not allowed together with another one. */
export type Contradiction = readonly [variable: string, allowed: string];

/**
 * The values of a schema. `textOf`: what a variable holds; an empty text counts as not set. `contradictions` gets the
 * settings that are well-formed, and names those that are not allowed together with another one.
 */
export function readValues<S extends Schema>(
  schema: S,
  textOf: (variable: string) => string,
  contradictions: (settings: Partial<ValuesOf<S>>) => readonly Contradiction[],
): Result<ValuesOf<S>, readonly SettingProblem[]>;
export function readValues(
  schema: Schema,
  textOf: (variable: string) => string,
  contradictions: (settings: object) => readonly Contradiction[],
): Result<object, readonly SettingProblem[]> {
  const problems: SettingProblem[] = [];
  const defaults = new Map(Object.values(schema).map(({ variable, defaultText }) => [variable, defaultText]));
  const report = (variable: string, allowed: string) =>
    problems.push({ variable, line: problemLine(variable, textOf(variable), allowed, defaults.get(variable)) });

  const settings = Object.entries(schema).flatMap(([name, { variable, defaultText, allowed, unit, read }]) => {
    const text = textOf(variable) || defaultText;
    const value = text === undefined ? undefined : read(text);
    if (value !== undefined) return [[name, value] as const];
    report(variable, unit === undefined ? allowed : `${allowed} (${unit})`);
    return [];
  });
  const values = Object.fromEntries(settings);
  for (const [variable, allowed] of contradictions(values)) report(variable, allowed);
  return problems.length > 0 ? refuse(problems) : succeed(values);
}
