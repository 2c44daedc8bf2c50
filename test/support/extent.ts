/** Whether the long tests run in their full form, as in `npm run check`. */
export const full = process.env['CODESET_TEST_FULL'] === '1';

/** How much a long test does: `short` in `npm test`, `long` in `npm run check`. */
export function extent<T>(short: T, long: T): T {
  return full ? long : short;
}

/** How many times tests kill something: CODESET_TEST_KILLS, for a long night. */
export const kills = Number(process.env['CODESET_TEST_KILLS'] ?? extent(1, 5));
