import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { compileFunction } from 'node:vm';
import type * as Library from 'aws-local-stepfunctions';

const load = createRequire(import.meta.url);
const path = load.resolve('aws-local-stepfunctions');

/**
 * Faults of aws-local-stepfunctions 3.0.0, and the text that replaces each. An intrinsic function removes all backslashes
 * from a text that it returns, so that the result of States.JsonToString is not JSON; it has to remove those that escape
 * a character in a literal of the expression. And `States.ALL` must not match `States.DataLimitExceeded`, which only its own
 * name matches.
 */
const REPAIRS: readonly (readonly [fault: string, repaired: string])[] = [
  [`result = result.replaceAll("\\\\", "");`, ''],
  ['return arg.slice(1, lastSingleQuote);', String.raw`return arg.slice(1, lastSingleQuote).replace(/\\(.)/gs, "$1");`],
  ...(['retrierError', 'catcherError'] as const).map(
    (name) =>
      [
        `const isErrorWildcard = ${name} === WILDCARD_ERROR;`,
        `const isErrorWildcard = ${name} === WILDCARD_ERROR && error.name !== "States.DataLimitExceeded";`,
      ] as const,
  ),
];

/** The interpreter with the repairs. @throws Error when a fault is no longer there: then its repair must be removed */
function loadRepaired(): typeof Library {
  let source = readFileSync(path, 'utf8');
  for (const [fault, repaired] of REPAIRS) {
    if (source.split(fault).length !== 2) throw new Error(`${path} does not have this once: ${fault}`);
    source = source.replace(fault, () => repaired);
  }
  const module: { exports: typeof Library | object } = { exports: {} };
  compileFunction(source, ['require', 'module', 'exports'], { filename: path })(
    createRequire(path),
    module,
    module.exports,
  );
  const { exports } = module;
  if ('StateMachine' in exports) return exports;
  throw new Error(`${path} exports no StateMachine`);
}

export const { StateMachine, ExecutionError, ExecutionAbortedError, ExecutionTimeoutError } = loadRepaired();
