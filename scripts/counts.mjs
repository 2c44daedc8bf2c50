// The last lines of .ci/run: what failed or was skipped, and what all suites since `npm test` counted.
import { sumCounts } from './lib/tests.mjs';

const { passed, failed, skipped, told } = sumCounts();
for (const line of told) console.log(line);
console.log(`tests: ${passed} passed, ${failed} failed, ${skipped} skipped`);
