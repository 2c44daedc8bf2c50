import type { Duration } from '../../../gen/google/protobuf/duration.js';

/** @param ms may be a fraction. */
export function durationFromMs(ms: number): Duration {
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.min(999_999_999, Math.round((ms - seconds * 1000) * 1e6)) };
}

/** Cuts a text to `max` bytes of UTF-8 at a character, keeping its end, which is where a failure tells most. */
export function textTail(text: string, max: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= max) return text;
  let from = bytes.length - max;
  while (from < bytes.length && ((bytes[from] ?? 0) & 0xc0) === 0x80) from++;
  return bytes.subarray(from).toString();
}

/** The same, keeping the beginning. */
export function textHead(text: string, max: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= max) return text;
  let to = max;
  while (to > 0 && ((bytes[to] ?? 0) & 0xc0) === 0x80) to--;
  return bytes.subarray(0, to).toString();
}
