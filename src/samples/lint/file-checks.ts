import type { SampleManifest } from '../../core/sample.js';
import type { FieldLines, Finding } from './finding.js';
import type { SampleFile } from './sample-files.js';

interface Files {
  readonly hidden: readonly SampleFile[];
  /** Undefined where the codebase is a repository. */
  readonly codebase: readonly SampleFile[] | undefined;
}

/** Names of test runners that load the code under test into themselves, and for which a canary can be made. */
const RUNNERS = /\b(?:pytest|unittest|vitest|jest|mocha|node --test|go test)\b/;
/** Shorter ones say nothing: an empty `__init__.py` is in every place. */
const TELLING_BYTES = 64;
const SHORT_TASK = 40;
/** Lists may be long, and what is wrong with one name is wrong with its neighbours. */
const MAX_NAMED = 5;

/** What the files of a sample say, beside what the server would refuse. */
export function* fileChecks(
  manifest: SampleManifest,
  task: string,
  files: Files,
  lines: FieldLines,
): Iterable<Finding> {
  if (task.trim().length < SHORT_TASK)
    yield finding(
      'task.md',
      1,
      'warning',
      '',
      'says very little; tell what is wrong, what is expected, and how an agent would know',
    );
  yield* scriptChecks(manifest, files.hidden);
  yield* hiddenInCodebase(files);
  yield* testsMissing(manifest, files, lines);
  yield* protectedChecks(manifest, files, lines);
}

function* scriptChecks(
  { verification: spec }: SampleManifest,
  hidden: readonly SampleFile[],
): Iterable<Finding> {
  const script = hidden.find((file) => file.path === spec.command[0]);
  if (script === undefined) return;
  const text = script.content.toString('utf8');
  const isProgram = text.startsWith('\u007fELF');
  if (!isProgram && !text.startsWith('#!'))
    yield finding(
      script.path,
      1,
      'error',
      '',
      'does not begin with #!, so that it can not be started; begin it with #!/bin/sh',
    );
  if (text.startsWith('#!') && text.split('\n', 1)[0]?.endsWith('\r') === true)
    yield finding(
      script.path,
      1,
      'error',
      '',
      'has lines that end as in Windows, so that its interpreter is not found; save it with line feeds alone',
    );
  const all = hidden.map((file) => file.content.toString('utf8'));
  const mentions = (word: string | RegExp): boolean =>
    all.some((each) => (typeof word === 'string' ? each.includes(word) : word.test(each)));
  if (!isProgram && !mentions('as-subject'))
    yield finding(
      script.path,
      1,
      'warning',
      '',
      'never says as-subject: code under test that it starts runs as root, beside the hidden files; start it with as-subject',
    );
  if (spec.grading !== 'EXIT_CODE' && !isProgram && !mentions('CODESET_REPORT_DIR'))
    yield finding(
      script.path,
      1,
      'warning',
      '',
      'never names CODESET_REPORT_DIR, where its report is looked for; write it there',
    );
  const byLists = spec.grading === 'ALL_LISTED' || spec.grading === 'SWE_BENCH';
  if (byLists && spec.canary === undefined && RUNNERS.test(text))
    yield finding(
      script.path,
      lineWith(text, RUNNERS),
      'warning',
      '',
      'has a test runner load the code under test, which may then have every test pass; say canary: {runner: …} in sample.yaml',
    );
}

function* hiddenInCodebase({ hidden, codebase = [] }: Files): Iterable<Finding> {
  const visible = new Map(codebase.map((file) => [file.content.toString('latin1'), file.path]));
  for (const file of hidden) {
    const same =
      file.content.length < TELLING_BYTES ? undefined : visible.get(file.content.toString('latin1'));
    if (same !== undefined)
      yield finding(
        file.path,
        1,
        'error',
        '',
        `is hidden, and lies in ${same} too, where agents see it; take it out of there`,
      );
  }
}

/** A test's own name has to stand somewhere: in a hidden file, or in the codebase's own tests. */
function* testsMissing(
  { verification: spec }: SampleManifest,
  { hidden, codebase }: Files,
  lines: FieldLines,
): Iterable<Finding> {
  if (codebase === undefined) return;
  const texts = [...hidden, ...codebase].map((file) => file.content.toString('utf8'));
  const lists = {
    fail_to_pass: spec.failToPass,
    pass_to_pass: spec.passToPass,
    fail_to_fail: spec.failToFail,
  };
  for (const [list, names] of Object.entries(lists)) {
    const missing = names.filter((name) => !texts.some((text) => text.includes(ownName(name))));
    const field = `verification.${list}`;
    const told = missing.slice(0, MAX_NAMED).join(', ') + (missing.length > MAX_NAMED ? ', …' : '');
    if (missing.length > 0)
      yield finding(
        'sample.yaml',
        lines.lineOf(field),
        'warning',
        field,
        `lists ${missing.length === 1 ? 'a test that stands' : `${missing.length} tests that stand`} in no file of verification/ or codebase/: ${told}; check the spelling`,
      );
  }
}

/** `tests/test_a.py::Class::test_b[1]` → `test_b`; `suite > case` → `case`; `test_b (module.Class)` → `test_b`. */
function ownName(name: string): string {
  const last = name.split(/::| > |#/).at(-1) ?? name;
  const plain = last
    .replace(/\[.*$/s, '')
    .replace(/ \([\w.]+\)$/, '')
    .trim();
  return plain === '' ? name : plain;
}

function* protectedChecks(
  { verification: spec }: SampleManifest,
  { codebase }: Files,
  lines: FieldLines,
): Iterable<Finding> {
  if (codebase === undefined) return;
  const paths = codebase.map((file) => file.path.replace(/^codebase\//, ''));
  for (const wanted of spec.protectedPaths) {
    const place = wanted.replace(/\/+$/, '');
    if (paths.some((each) => each === place || each.startsWith(`${place}/`))) continue;
    const field = 'verification.protected_paths';
    yield finding(
      'sample.yaml',
      lines.lineOf(field),
      'warning',
      field,
      `names ${wanted}, which the codebase does not have; what an agent makes there is removed`,
    );
  }
}

function lineWith(text: string, pattern: RegExp): number {
  return text.split('\n').findIndex((line) => pattern.test(line)) + 1;
}

function finding(
  file: string,
  line: number,
  level: Finding['level'],
  field: string,
  message: string,
): Finding {
  return { file, line, level, field, message };
}
