/**
 * Hands every piece of work to `work`, at most `atOnce` at a time; pieces of an async iterable are asked for as they
 * are needed. When one fails or `signal` aborts, no further one starts. It settles only when all that were started have
 * ended, so that nothing goes on in the background.
 * @throws the first error, or `signal.reason`.
 */
export async function workThrough<T>(
  pieces: Iterable<T> | AsyncIterable<T>,
  atOnce: number,
  work: (piece: T) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const iterator = Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]();
  let failed = false;
  let ended = false;
  const worker = async () => {
    while (!failed && !ended) {
      try {
        signal?.throwIfAborted();
        const next = await iterator.next();
        if (next.done) {
          ended = true;
          return;
        }
        if (failed) return;
        await work(next.value);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: atOnce }, worker));
  await iterator.return?.();
  for (const end of workers) if (end.status === 'rejected') throw end.reason;
}

/** Cuts a list into pieces of `size`; the last one may be shorter. */
export const piecesOf = <T>(list: readonly T[], size: number): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(list.length / size) }, (_, index) => list.slice(index * size, (index + 1) * size));
