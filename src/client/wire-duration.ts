/** As the wire has durations. */
export interface WireDuration {
  readonly seconds: bigint;
  readonly nanos: number;
}

/** @param ms milliseconds, may be fractional. */
export function wireDuration(ms: number): WireDuration {
  if (!Number.isFinite(ms)) throw new TypeError(`A time of ${ms} ms makes no sense; leave it out for none.`);
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

/** In milliseconds; 0 when absent. */
export function msOf(duration: { readonly seconds: bigint; readonly nanos: number } | undefined): number {
  return duration === undefined ? 0 : Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

/** A field for a request, absent when the caller left it out. */
export function durationField<Name extends string>(
  name: Name,
  ms: number | undefined,
): { readonly [key in Name]?: WireDuration } {
  return ms === undefined ? {} : ({ [name]: wireDuration(ms) } as { [key in Name]: WireDuration });
}
