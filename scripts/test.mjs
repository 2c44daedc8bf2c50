// `npm test [-- VITEST_ARGS]`: sets up, then runs every test, the long ones in their short form.
import { main } from './lib/process.mjs';
import { setUp } from './lib/setup.mjs';
import { clearCounts, keepCounts, runVitest } from './lib/tests.mjs';

await main(async () => {
  clearCounts();
  // Replaced by the suite's own counts; a set-up that fails is a failure too.
  keepCounts('short', { passed: 0, failed: 1, skipped: 0 });
  await setUp({ tests: true });
  return runVitest('short', process.argv.slice(2));
});
