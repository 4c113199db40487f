import type { z } from 'zod';

/** The value of a JSON text; undefined when the text is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The value of a JSON text that fits the schema; undefined for any other text. */
export const readJson = <T>(schema: z.ZodType<T>, text: string): T | undefined =>
  schema.safeParse(parseJson(text)).data;
