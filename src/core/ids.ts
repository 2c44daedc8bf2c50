import { randomFillSync } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

const RANDOM_BYTES = 13;
// Each look into the system's randomness costs as much for many bytes as for few.
const pool = Buffer.alloc(RANDOM_BYTES * 256);
let poolUsed = pool.length;

/**
 * A new identifier such as `ses_01jd3k…`: 9 characters of time (milliseconds, so that ids sort by age) and
 * 13 of randomness (65 bits), in Crockford's base 32. Safe in paths, labels and shell words.
 */
export function newId(
  prefix: 'ses' | 'ver' | 'exe' | 'key' | 'lay' | 'box' | 'req' | 'snp',
  now: number = Date.now(),
): string {
  let time = '';
  for (let rest = now, i = 0; i < 9; i++) {
    time = ALPHABET[rest % 32] + time;
    rest = Math.floor(rest / 32);
  }
  if (poolUsed === pool.length) {
    randomFillSync(pool);
    poolUsed = 0;
  }
  let random = '';
  for (const end = poolUsed + RANDOM_BYTES; poolUsed < end; poolUsed++) {
    random += ALPHABET[(pool[poolUsed] ?? 0) % 32];
  }
  return `${prefix}_${time}${random}`;
}
