import { isScored, type AttemptResult } from './attempt.js';
import { escaped } from './markup.js';

/**
 * JUnit XML for CI: a suite for each dataset, a case for each attempt. FAILED and TIMED_OUT are failures, what is
 * unscored is an error.
 */
export function junitXml(results: readonly AttemptResult[]): string {
  const datasets = [...new Set(results.map(({ dataset }) => dataset))].sort();
  const suites = datasets.map((dataset) =>
    suite(
      dataset,
      results.filter((result) => result.dataset === dataset),
    ),
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join('')}</testsuites>\n`;
}

function suite(dataset: string, results: readonly AttemptResult[]): string {
  const failures = results.filter((result) => isScored(result) && result.state !== 'PASSED').length;
  const errors = results.filter((result) => !isScored(result)).length;
  const time = results.reduce((sum, { seconds }) => sum + seconds, 0);
  const head = `<testsuite name="${escaped(dataset)}" tests="${results.length}" failures="${failures}" errors="${errors}" time="${time.toFixed(3)}">`;
  return `  ${head}\n${results.map(testCase).join('')}  </testsuite>\n`;
}

function testCase(result: AttemptResult): string {
  const { sampleId, dataset, attempt, state, message, seconds } = result;
  const head = `<testcase classname="${escaped(dataset)}" name="${escaped(`${sampleId}#${attempt}`)}" time="${seconds.toFixed(3)}"`;
  if (state === 'PASSED') return `    ${head}/>\n`;
  const kind = isScored(result) ? 'failure' : 'error';
  return `    ${head}><${kind} type="${state}" message="${escaped(message)}"/></testcase>\n`;
}
