import { randomBytes } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * A new identifier such as `ses_01jd3k…`: 9 characters of time (milliseconds, so that ids sort by age) and
 * 13 of randomness (65 bits), in Crockford's base 32. Safe in paths, labels and shell words.
 */
export function newId(
  prefix: 'ses' | 'ver' | 'exe' | 'key' | 'lay' | 'box' | 'req',
  now: number = Date.now(),
): string {
  let time = '';
  for (let rest = now, i = 0; i < 9; i++) {
    time = ALPHABET[rest % 32] + time;
    rest = Math.floor(rest / 32);
  }
  let random = '';
  for (const byte of randomBytes(13)) random += ALPHABET[byte % 32];
  return `${prefix}_${time}${random}`;
}
