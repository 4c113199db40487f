import type { PackageProblem } from './package-zip.ts';

/** Why nothing was deployed or rolled back. */
export type DeployRefusal =
  | { readonly reason: 'image-package' }
  | { readonly reason: 'runtime-not-python'; readonly runtime: string }
  | { readonly reason: 'signed-code' }
  /** The setting names a published version or an alias. A deploy cannot change either. */
  | { readonly reason: 'qualified'; readonly functionName: string; readonly qualifier: string }
  /** An attribute of the failure records has the same name as a key attribute of the table. */
  | { readonly reason: 'key-clash'; readonly attribute: string }
  /** Lambda did not return the variables of the function, because the bot cannot decrypt them. */
  | { readonly reason: 'environment-unreadable'; readonly why: string }
  | { readonly reason: 'function-failed'; readonly why: string }
  | { readonly reason: 'update-in-progress' }
  /** Lambda returned no URL for the package, or the download failed. */
  | { readonly reason: 'no-package' }
  | { readonly reason: 'package-not-given'; readonly status: number }
  | { readonly reason: 'package-unreadable'; readonly name: string; readonly problem: PackageProblem }
  | { readonly reason: 'given-not-found'; readonly name: string }
  /** The package is not in the control bucket. */
  | { readonly reason: 'other-bucket'; readonly bucket: string; readonly controlBucket: string }
  | { readonly reason: 'handler-not-found'; readonly handler: string }
  | { readonly reason: 'too-large'; readonly bytes: number; readonly most: number }
  | { readonly reason: 'environment-too-large'; readonly bytes: number; readonly most: number }
  /** Somebody deployed other code in the meantime. Hashes as Lambda returns them. */
  | { readonly reason: 'changed-since-preview'; readonly expected: string; readonly found: string }
  | { readonly reason: 'stored-package-gone'; readonly key: string }
  /** Lambda rejected the change. `why` is its message without the environment. */
  | { readonly reason: 'not-taken'; readonly action: string; readonly why: string }
  /** The test invocation after the update failed: Lambda's error type and its message. */
  | { readonly reason: 'not-loadable'; readonly errorType: string; readonly message: string }
  /** Lambda accepted the update and it failed. */
  | { readonly reason: 'update-failed'; readonly why: string };

/** The function was not changed, or not changed further. It works as before. */
export class DeployRefusedError extends Error {
  override readonly name = 'DeployRefusedError';
  readonly refusal: DeployRefusal;
  constructor(refusal: DeployRefusal, cause?: unknown) {
    super(`Deploy refused: ${JSON.stringify(refusal)}`, { cause });
    this.refusal = refusal;
  }
}
