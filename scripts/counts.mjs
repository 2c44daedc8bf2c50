// The last line of .ci/run: what all suites since `npm test` counted.
import { sumCounts } from './lib/tests.mjs';

const { passed, failed, skipped } = sumCounts();
console.log(`tests: ${passed} passed, ${failed} failed, ${skipped} skipped`);
