// `npm test [-- VITEST_ARGS]`: sets up, then runs the tests, the long ones in their short form. Those that only kill
// are left to `npm run check`, unless the arguments name them.
import { main } from './lib/process.mjs';
import { setUp } from './lib/setup.mjs';
import { clearCounts, keepCounts, runVitest } from './lib/tests.mjs';

await main(async () => {
  clearCounts();
  // Replaced by the suite's own counts; a set-up that fails is a failure too.
  keepCounts('short', { passed: 0, failed: 1, skipped: 0 });
  await setUp({ tests: true });
  const args = process.argv.slice(2);
  return runVitest('short', args, args.length === 0 ? { CODESET_TEST_SHORT: '1' } : {});
});
