/** The result of a request: a value, or a refusal that says why nothing was done. */
export type Result<Value, Refusal> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly refusal: Refusal };

export const succeed = <Value>(value: Value): { readonly ok: true; readonly value: Value } => ({ ok: true, value });

export const refuse = <Refusal>(refusal: Refusal): { readonly ok: false; readonly refusal: Refusal } => ({
  ok: false,
  refusal,
});

/** The value of `work`, or what it threw. */
export async function settle<T>(work: () => Promise<T>): Promise<Result<T, unknown>> {
  try {
    return succeed(await work());
  } catch (error) {
    return refuse(error);
  }
}
