// A vitest reporter: writes what came of a run, as scripts/lib/tests.mjs adds it up, to the file that
// CODESET_TEST_RESULTS names.
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { root } from './process.mjs';

/** Of a failure's message, what the end of a long log has room for. */
const TOLD_CHARACTERS = 1500;

export default class ResultsReporter {
  /** A hook that failed counts as one failure, beside the tests that were skipped for it; so does an error of nobody's. */
  onTestRunEnd(modules, unhandledErrors) {
    const results = { passed: 0, failed: 0, skipped: 0, told: [] };
    const fail = (where, errors) => {
      results.failed += 1;
      results.told.push(`failed: ${where}\n${shortened(errors)}`);
    };
    for (const module of modules) {
      const path = `${module.project.name ? `|${module.project.name}| ` : ''}${relative(root, module.moduleId)}`;
      if (module.errors().length > 0) fail(path, module.errors());
      for (const suite of module.children.allSuites()) {
        if (suite.errors().length > 0) fail(`${path} > ${suite.fullName}`, suite.errors());
      }
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        const where = `${path} > ${test.fullName}`;
        if (state === 'passed') results.passed += 1;
        else if (state === 'failed') fail(where, errors);
        else {
          results.skipped += 1;
          results.told.push(`skipped: ${where}`);
        }
      }
    }
    if (unhandledErrors.length > 0) fail('outside of the tests', unhandledErrors);
    writeFileSync(process.env.CODESET_TEST_RESULTS, JSON.stringify(results));
  }
}

function shortened(errors = []) {
  const text = errors.map(({ message, stack = '' }) => [message, ...ownFrames(stack)].join('\n')).join('\n');
  const plain = stripVTControlCharacters(text);
  return plain.length > TOLD_CHARACTERS ? `${plain.slice(0, TOLD_CHARACTERS)}…` : plain;
}

function ownFrames(stack) {
  return stack
    .split('\n')
    .filter((line) => line.startsWith('    at ') && line.includes(root) && !line.includes('node_modules'));
}
