/**
 * An exact decimal number: `units` × 10^-`scale`, with `scale` ≥ 0. DynamoDB's numbers have 38 digits, too many for a
 * float.
 */
export interface Decimal {
  readonly units: bigint;
  readonly scale: number;
}

export const ZERO: Decimal = { units: 0n, scale: 0 };

const NUMBER = /^([+-]?)(?=\.?\d)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/;
/** More digits than any number within DynamoDB's range (1E-130 to 9.99E125) has. */
const MAX_DIGITS = 300;

/** The number that a text contains; undefined when it is not a number, or far outside DynamoDB's range. */
export function parseDecimal(text: string): Decimal | undefined {
  const [match, sign = '', whole = '', fraction = '', exponent = '0'] = NUMBER.exec(text.trim()) ?? [];
  if (match === undefined || match.length > MAX_DIGITS) return undefined;
  const scale = fraction.length - Number(exponent);
  if (Math.abs(scale) > MAX_DIGITS) return undefined;
  const digits = BigInt(whole + fraction) * (scale < 0 ? 10n ** BigInt(-scale) : 1n);
  return { units: sign === '-' ? -digits : digits, scale: Math.max(0, scale) };
}

const unitsAt = ({ units, scale }: Decimal, newScale: number): bigint => units * 10n ** BigInt(newScale - scale);

export function plus(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return { units: unitsAt(a, scale) + unitsAt(b, scale), scale };
}

export const minus = (a: Decimal, b: Decimal): Decimal => plus(a, { ...b, units: -b.units });

/** Plain notation without an exponent and without trailing zeros: `-7.5`. */
export function formatDecimal({ units, scale }: Decimal): string {
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, '');
  return `${units < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}
