import { ExportError } from './export-error.js';
import type { SampleFolder } from './sample-folder.js';

export interface ExportedEntry {
  readonly entry: Readonly<Record<string, string>>;
  /** Of sample.yaml, what the format has no place for. */
  readonly unmapped: readonly string[];
}

/**
 * A sample as an entry of a SWE-bench file: one that came from such a file, since a verification script of one's own
 * has no place there.
 * @throws {ExportError}
 */
export function exportSweBench(folder: SampleFolder): ExportedEntry {
  const { manifest, task } = folder;
  const { codebase, verification: spec } = manifest;
  if (codebase === undefined)
    throw new ExportError('has a folder as its codebase, and the format names a commit of a repository');
  if (!folder.has('verification/test.patch'))
    throw new ExportError(
      'is judged by a script of its own, and the format has a patch of tests alone; `codeset sample export harbor` takes scripts',
    );
  const testPatch = folder.text('verification/test.patch');
  if (testPatch.trim() === '')
    throw new ExportError('has its tests in the repository, and the format wants a patch of them');
  if (!folder.has('solution/solution.patch'))
    throw new ExportError('has no solution/solution.patch, which the format wants');
  const { language } = manifest;
  return {
    entry: {
      instance_id: manifest.sourceId,
      repo: codebase.git,
      base_commit: codebase.commit,
      patch: folder.text('solution/solution.patch'),
      test_patch: testPatch,
      problem_statement: task,
      hints_text: '',
      // As text, which all readers of such files take.
      FAIL_TO_PASS: JSON.stringify(spec.failToPass),
      PASS_TO_PASS: JSON.stringify(spec.passToPass),
      ...(language === 'python' || language === '' ? {} : { language }),
    },
    unmapped: [
      'environment',
      'resources',
      'verification.timeout',
      ...(spec.grading === 'SWE_BENCH' ? [] : ['verification.grading']),
      ...(spec.failToFail.length === 0 ? [] : ['verification.fail_to_fail']),
      ...(spec.canary === undefined ? ['verification/test.sh (the test command)'] : ['verification.canary']),
    ],
  };
}
