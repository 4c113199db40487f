/**
 * Values by number, for few entries that come and go for hours: it searches an array, so keep it below some thousand entries.
 * It iterates in the order of the first `set`. A `Map` makes a new table every few changes. V8 keeps each old table, with all
 * values in it, until a full garbage collection.
 */
export class SmallMap<Value> {
  readonly #keys: number[] = [];
  readonly #values: Value[] = [];

  get size(): number {
    return this.#keys.length;
  }

  has(key: number): boolean {
    return this.#keys.includes(key);
  }

  get(key: number): Value | undefined {
    return this.#values[this.#keys.indexOf(key)];
  }

  set(key: number, value: Value): void {
    const found = this.#keys.indexOf(key);
    const at = found < 0 ? this.#keys.length : found;
    this.#keys[at] = key;
    this.#values[at] = value;
  }

  delete(key: number): void {
    const at = this.#keys.indexOf(key);
    if (at < 0) return;
    this.#keys.splice(at, 1);
    this.#values.splice(at, 1);
  }

  keys(): readonly number[] {
    return this.#keys;
  }

  entries(): readonly (readonly [key: number, value: Value])[] {
    return this.#values.map((value, at) => [this.#keys[at] ?? Number.NaN, value]);
  }
}
