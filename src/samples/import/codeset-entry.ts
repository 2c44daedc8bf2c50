import { ImportError } from './import-error.js';
import {
  commitOf,
  fieldsOf,
  optionalText,
  requiredText,
  testNames,
  unmappedFields,
  type Instance,
} from './instance.js';

const USED: ReadonlySet<string> = new Set([
  ...[
    'sample_id',
    'instance_id',
    'repo',
    'language',
    'base_commit',
    'problem_statement',
    'description',
    'dataset',
  ],
  ...['patch', 'non_code_patch', 'test_patch', 'fail_to_pass', 'pass_to_pass', 'fail_to_fail', 'verifier'],
]);

/** Where runners of each language leave their JUnit reports, in the workspace. */
const REPORTS: Readonly<Record<string, readonly string[]>> = {
  python: ['report.xml', 'test_reports/*.xml'],
  java: ['target/surefire-reports/*.xml', 'build/test-results/test/*.xml'],
  javascript: ['test-results/junit.xml'],
  typescript: ['test-results/junit.xml'],
  go: ['test-results.xml', 'go-test-report.xml'],
  rust: ['target/junit.xml'],
  'c#': ['TestResults/*.xml'],
  c: ['gtest_output.xml', 'Testing/*/Test.xml'],
  'c++': ['gtest_output.xml', 'Testing/*/Test.xml'],
};

const LANGUAGES: Readonly<Record<string, string>> = {
  js: 'javascript',
  ts: 'typescript',
  golang: 'go',
  csharp: 'c#',
  cpp: 'c++',
};

/**
 * Reads one sample as the platform's API gives it. It is graded as its runner does: what passes and what fails has
 * to be what the lists say.
 * @throws {ImportError}
 */
export function parseCodesetEntry(text: string): Instance {
  const fields = fieldsOf(text);
  const verifier = optionalText(fields, 'verifier');
  if (verifier !== '' && verifier !== 'test_suite')
    throw new ImportError(`verifier is ${verifier}; only test_suite says how it is judged`);
  const failToPass = testNames(fields, 'fail_to_pass') ?? [];
  const passToPass = testNames(fields, 'pass_to_pass') ?? [];
  if (failToPass.length === 0)
    throw new ImportError('fail_to_pass is missing or empty: nothing would show the fix');
  const wanted = new Set(failToPass);
  const passing = new Set([...failToPass, ...passToPass]);
  const said = optionalText(fields, 'language').trim().toLowerCase();
  const language = LANGUAGES[said] ?? said;
  const sampleId = optionalText(fields, 'sample_id');
  const patches = ['patch', 'non_code_patch']
    .map((key) => optionalText(fields, key))
    .filter((diff) => diff.trim() !== '');
  if (patches.length === 0) throw new ImportError('patch is missing or empty');
  return {
    instanceId: sampleId === '' ? requiredText(fields, 'instance_id') : sampleId,
    repo: requiredText(fields, 'repo'),
    baseCommit: commitOf(fields['base_commit']),
    // What a solution is, code and all else.
    patch: patches.map((diff) => (diff.endsWith('\n') ? diff : `${diff}\n`)).join(''),
    testPatch: optionalText(fields, 'test_patch'),
    problemStatement: requiredText(fields, 'problem_statement'),
    description: (optionalText(fields, 'description').trim().split(/\r?\n/, 1)[0] ?? '').slice(0, 1000),
    dataset: optionalText(fields, 'dataset').trim().toLowerCase(),
    language: language === '' ? 'python' : language,
    tags: ['codeset'],
    grading: 'all_listed',
    failToPass,
    passToPass: passToPass.filter((name) => !wanted.has(name)),
    failToFail: (testNames(fields, 'fail_to_fail') ?? []).filter((name) => !passing.has(name)),
    reports: REPORTS[language] ?? [],
    unmapped: unmappedFields(fields, USED),
  };
}
