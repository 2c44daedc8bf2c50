/** The value below which `share` of the samples lie (nearest rank). @throws for no samples. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new Error('nothing was measured');
  return value;
}

export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5);
}

/** Rounded to three significant digits and more: a figure must not look more exact than it is. */
export function figure(value: number): number {
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

/** Undefined operands are a peer that cannot run here. */
export function ratio(ours: number, theirs: number | null): number | null {
  return theirs === null ? null : Number((ours / theirs).toPrecision(3));
}

/** How long `work` takes, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** How often `work` is done in a second by `clients` that each wait for their own before the next. */
export async function rate(
  clients: number,
  seconds: number,
  signal: AbortSignal,
  work: () => Promise<unknown>,
): Promise<number> {
  const began = performance.now();
  const end = began + seconds * 1000;
  let done = 0;
  const client = async (): Promise<void> => {
    while (performance.now() < end) {
      signal.throwIfAborted();
      await work();
      done++;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return done / ((performance.now() - began) / 1000);
}
