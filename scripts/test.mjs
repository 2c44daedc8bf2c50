// `npm test [-- VITEST_ARGS]`: sets up, then runs every test, the long ones in their short form.
import { main } from './lib/process.mjs';
import { setUp } from './lib/setup.mjs';
import { clearCounts, runVitest } from './lib/tests.mjs';

await main(async () => {
  await setUp();
  clearCounts();
  return runVitest('short', process.argv.slice(2));
});
