/** For parts that must not meet anything to warn about: a warning is an error. @throws Error */
export function failOnWarning(message: string, cause: unknown): never {
  throw new Error(message, { cause });
}
