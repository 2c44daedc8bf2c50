import { ImportError } from './import-error.js';
import {
  commitOf,
  fieldsOf,
  optionalText,
  requiredText,
  testNames,
  unmappedFields,
  type Fields,
  type Instance,
} from './instance.js';

const USED: ReadonlySet<string> = new Set([
  ...[
    'instance_id',
    'repo',
    'base_commit',
    'patch',
    'test_patch',
    'problem_statement',
    'fail_to_pass',
    'pass_to_pass',
  ],
  'language',
]);

const USED_OF_MULTI: ReadonlySet<string> = new Set([
  ...[
    'instance_id',
    'org',
    'repo',
    'number',
    'base',
    'fix_patch',
    'test_patch',
    'title',
    'body',
    'resolved_issues',
  ],
  ...['f2p_tests', 's2p_tests', 'n2p_tests', 'p2p_tests', 'language'],
]);

/**
 * Reads one entry of the family: SWE-bench, Lite, Verified, Multimodal, SWE-Gym and SWE-rebench, which share their
 * fields, with lists as lists or as JSON texts, their names in upper or lower case; and Multi-SWE-bench, which has
 * its own.
 * @throws {ImportError}
 */
export function parseEntry(text: string): Instance {
  const fields = fieldsOf(text);
  const instance = fields['fix_patch'] === undefined ? ofSweBench(fields) : ofMultiSweBench(fields);
  if (instance.failToPass.length === 0)
    throw new ImportError('FAIL_TO_PASS is empty: nothing would show the fix');
  return instance;
}

function ofSweBench(fields: Fields): Instance {
  if (
    fields['base_commit'] === undefined &&
    fields['test_patch'] === undefined &&
    fields['image_name'] !== undefined
  )
    throw new ImportError(
      'has an image_name and neither base_commit nor test_patch, as SWE-smith has: its patch breaks the code instead of mending it, which is not imported',
    );
  const baseCommit = commitOf(fields['base_commit']);
  const failToPass = testNames(fields, 'FAIL_TO_PASS');
  const passToPass = testNames(fields, 'PASS_TO_PASS');
  if (failToPass === undefined) throw new ImportError('FAIL_TO_PASS is missing');
  if (passToPass === undefined) throw new ImportError('PASS_TO_PASS is missing');
  return {
    instanceId: requiredText(fields, 'instance_id'),
    repo: requiredText(fields, 'repo'),
    baseCommit,
    patch: requiredText(fields, 'patch'),
    testPatch: requiredText(fields, 'test_patch'),
    problemStatement: requiredText(fields, 'problem_statement'),
    ...common(fields, failToPass, passToPass),
    unmapped: unmappedFields(fields, USED),
  };
}

/** `org`, `repo`, `base.sha`, issues instead of a statement, and an object by test name for each list. */
function ofMultiSweBench(fields: Fields): Instance {
  const base = (fields['base'] ?? {}) as Fields;
  const org = requiredText(fields, 'org');
  const repo = requiredText(fields, 'repo');
  const lists = ['f2p_tests', 's2p_tests', 'n2p_tests'].flatMap((key) => keysOf(fields, key));
  const id = optionalText(fields, 'instance_id');
  return {
    instanceId: id === '' ? `${org}__${repo}-${String(fields['number'])}` : id,
    repo: `${org}/${repo}`,
    baseCommit: commitOf(base['sha'], 'base.sha'),
    patch: requiredText(fields, 'fix_patch'),
    testPatch: requiredText(fields, 'test_patch'),
    problemStatement: issuesOf(fields),
    ...common(fields, [...new Set(lists)], keysOf(fields, 'p2p_tests')),
    unmapped: unmappedFields(fields, USED_OF_MULTI),
  };
}

function common(
  fields: Fields,
  failToPass: readonly string[],
  passToPass: readonly string[],
): Pick<
  Instance,
  | 'description'
  | 'dataset'
  | 'language'
  | 'tags'
  | 'grading'
  | 'failToPass'
  | 'passToPass'
  | 'failToFail'
  | 'reports'
> {
  const wanted = new Set(failToPass);
  const language = optionalText(fields, 'language').trim().toLowerCase();
  return {
    description: '',
    dataset: '',
    language: language === '' ? 'python' : language,
    tags: ['swe-bench'],
    grading: 'swe_bench',
    failToPass,
    passToPass: passToPass.filter((name) => !wanted.has(name)),
    failToFail: [],
    reports: [],
  };
}

function keysOf(fields: Fields, key: string): string[] {
  const value = fields[key] ?? {};
  if (typeof value !== 'object' || Array.isArray(value))
    throw new ImportError(`${key} is no map of test names`);
  return Object.keys(value);
}

function issuesOf(fields: Fields): string {
  const issues = fields['resolved_issues'];
  const told = Array.isArray(issues) && issues.length > 0 ? (issues as unknown[]) : [fields];
  const texts = told.map((issue) => {
    const { title, body } = (issue ?? {}) as Fields;
    return [title, body].filter((part) => typeof part === 'string' && part.trim() !== '').join('\n\n');
  });
  const statement = texts.join('\n\n').trim();
  if (statement === '')
    throw new ImportError('neither resolved_issues nor title and body say what is to be done');
  return statement;
}
