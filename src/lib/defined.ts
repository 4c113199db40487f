/** The same object type, without `undefined` among the values of its optional properties. */
type Defined<T> = { [Name in keyof T as undefined extends T[Name] ? never : Name]: T[Name] } & {
  [Name in keyof T as undefined extends T[Name] ? Name : never]?: Exclude<T[Name], undefined>;
} extends infer Both
  ? { [Name in keyof Both]: Both[Name] }
  : never;

/**
 * A copy of the object without the properties that are `undefined`: for optional properties, which under
 * `exactOptionalPropertyTypes` may be absent but not `undefined`.
 */
export function defined<T extends object>(object: T): Defined<T>;
export function defined(object: object): object {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
