import { z } from 'zod';
import { WebApiError } from '../errors.ts';
import { parseJson } from '../http.ts';
import type { Tier } from '../rate-limits.ts';
import { describeProblem } from '../rules/block-check.ts';
import type { JsonRecord } from '../rules/json.ts';
import type { Problem } from '../rules/rule.ts';

/** A method of the Web API. */
export interface Method {
  /** The scopes of which the app needs one; none means that every app may call it. */
  readonly scopes: readonly string[];
  readonly tier: Tier;
  readonly token: 'bot' | 'app' | 'any' | 'none';
  /** Returns the fields of the answer beside `ok: true`. Throws WebApiError. */
  run(args: JsonRecord): JsonRecord;
}

export type MethodTable = Readonly<Record<string, Method>>;

/** A method whose arguments match `schema`. */
export function method<T extends z.ZodType>(
  about: Omit<Method, 'run' | 'token'> & { readonly token?: Method['token'] },
  schema: T,
  run: (args: z.output<T>) => JsonRecord,
): Method {
  return {
    token: 'bot',
    ...about,
    run(args) {
      const parsed = schema.safeParse(args);
      if (parsed.success) return run(parsed.data);
      throw new WebApiError('invalid_arguments', {
        response_metadata: {
          messages: parsed.error.issues.map((issue) => {
            const name = issue.path.map(String).join('/');
            const isMissing = issue.code === 'invalid_type' && issue.message.includes('undefined');
            return isMissing
              ? `[ERROR] missing required field: ${name}`
              : `[ERROR] ${issue.message} [json-pointer:/${name}]`;
          }),
        },
      });
    },
  };
}

/** Parses JSON, because the SDK sends every nested value as JSON in a form field. */
const nested = (value: unknown) =>
  typeof value === 'string' && /^\s*[[{]/.test(value) ? (parseJson(value) ?? value) : value;

export const text = z.string();
export const name = z.string().min(1);
export const flag = z.preprocess(
  (value) => (typeof value === 'string' ? value === 'true' || value === '1' : value),
  z.boolean(),
);
export const count = z.coerce.number().int();
/** Not checked here; the block rules check it. */
export const blocks = z.preprocess(nested, z.unknown());
export const record = z.preprocess(nested, z.record(z.string(), z.unknown()));
export const recordList = z.preprocess(nested, z.array(z.record(z.string(), z.unknown())));
/** A list, or names separated by commas. */
export const nameList = z.preprocess(
  (value) => (typeof value === 'string' && !value.startsWith('[') ? value.split(',').filter(Boolean) : nested(value)),
  z.array(name),
);

/**
 * Throws Slack's error for invalid blocks: each problem with its pointer, in `errors` and in
 * `response_metadata.messages`.
 */
export function refuseProblems(code: 'invalid_blocks' | 'invalid_arguments', problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  const errors = problems.map(describeProblem);
  throw new WebApiError(code, {
    ...(code === 'invalid_blocks' ? { errors } : {}),
    response_metadata: { messages: errors.map((error) => `[ERROR] ${error}`) },
  });
}

/** One page of a list, by `limit` and `cursor` in Slack's format. Throws `invalid_cursor`. */
export function page<T>(
  entries: readonly T[],
  limit: number,
  cursor: string | undefined,
): { readonly page: readonly T[]; readonly nextCursor: string } {
  const start = cursor ? Number(Buffer.from(cursor, 'base64').toString('utf8').replace('next:', '')) : 0;
  if (!Number.isInteger(start) || start < 0) throw new WebApiError('invalid_cursor');
  const end = start + limit;
  return {
    page: entries.slice(start, end),
    nextCursor: end < entries.length ? Buffer.from(`next:${end}`).toString('base64') : '',
  };
}
