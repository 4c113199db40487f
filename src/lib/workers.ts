/**
 * Hands every piece of work to `work`, at most `atOnce` at a time. When one fails or `signal` aborts, no further one starts;
 * it settles only when all that were under way have ended, so that nothing acts behind the caller's back.
 * @throws the first error, or `signal.reason`.
 */
export async function workThrough<T>(
  pieces: readonly T[],
  atOnce: number,
  work: (piece: T) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  let next = 0;
  let failed = false;
  const worker = async () => {
    while (!failed && next < pieces.length) {
      signal?.throwIfAborted();
      const piece = pieces[next];
      next += 1;
      if (piece === undefined) continue;
      try {
        await work(piece);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: Math.min(atOnce, pieces.length) }, worker));
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
}

/** The list cut into pieces of `size`. */
export const piecesOf = <T>(list: readonly T[], size: number): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(list.length / size) }, (_, index) => list.slice(index * size, (index + 1) * size));
