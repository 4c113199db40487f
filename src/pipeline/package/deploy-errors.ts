import type { PackageProblem } from './package-zip.ts';

/** Why nothing was deployed or rolled back. */
export type DeployRefusal =
  | { readonly reason: 'image-package' }
  | { readonly reason: 'runtime-not-python'; readonly runtime: string }
  | { readonly reason: 'signed-code' }
  /** The setting names a published version, or an alias of one: a deploy changes neither. */
  | { readonly reason: 'qualified'; readonly functionName: string; readonly qualifier: string }
  /** A record could not hold its key and what it says under the same name. */
  | { readonly reason: 'key-clash'; readonly attribute: string }
  /** Lambda did not give the function's variables, as the bot may not decrypt them. */
  | { readonly reason: 'environment-unreadable'; readonly why: string }
  | { readonly reason: 'function-failed'; readonly why: string }
  | { readonly reason: 'update-in-progress' }
  /** Lambda gave no place to fetch the package from, or did not give it there. */
  | { readonly reason: 'no-package' }
  | { readonly reason: 'package-not-given'; readonly status: number }
  | { readonly reason: 'package-unreadable'; readonly name: string; readonly problem: PackageProblem }
  | { readonly reason: 'given-not-found'; readonly name: string }
  | { readonly reason: 'handler-not-found'; readonly handler: string }
  | { readonly reason: 'too-large'; readonly bytes: number; readonly most: number }
  | { readonly reason: 'environment-too-large'; readonly bytes: number; readonly most: number }
  /** Somebody deployed other code meanwhile. Hashes as Lambda gives them. */
  | { readonly reason: 'changed-since-preview'; readonly expected: string; readonly found: string }
  | { readonly reason: 'stored-package-gone'; readonly key: string }
  /** Lambda did not take the change; its own words, without what it quotes of the environment. */
  | { readonly reason: 'not-taken'; readonly action: string; readonly why: string }
  /** Lambda took the update and could not carry it out. */
  | { readonly reason: 'update-failed'; readonly why: string };

/** The function was not changed, or not any further: what stands there works as it did. */
export class DeployRefusedError extends Error {
  override readonly name = 'DeployRefusedError';
  readonly refusal: DeployRefusal;
  constructor(refusal: DeployRefusal, cause?: unknown) {
    super(`Deploy refused: ${JSON.stringify(refusal)}`, { cause });
    this.refusal = refusal;
  }
}
