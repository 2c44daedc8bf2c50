/**
 * Does something with each of `items`, `count` at a time, in their order. The first that fails ends the others, and all
 * of them have let go of what they hold before this rejects.
 * @param work gets a signal that is aborted with `signal`, and when another one failed
 * @throws what the first one threw
 */
export async function sideBySide<T>(
  items: readonly T[],
  count: number,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const worker = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await work(next, either);
  };
  const workers = Array.from({ length: count }, () =>
    worker().catch((error: unknown) => {
      failed.abort(error);
      throw error;
    }),
  );
  await Promise.allSettled(workers);
  await Promise.all(workers);
}
