import type { SampleManifest } from '../../core/sample.js';
import type { FieldLines, Finding } from './finding.js';

const SHORT_MS = 10_000;
const LONG_MS = 60 * 60_000;

/** What of a manifest that is right looks doubtful all the same. */
export function* manifestChecks(manifest: SampleManifest, lines: FieldLines): Iterable<Finding> {
  const warn = (field: string, message: string): Finding => {
    return { file: 'sample.yaml', line: lines.lineOf(field), level: 'warning', field, message };
  };
  const { environment, verification: spec } = manifest;
  if (manifest.description === '')
    yield warn('description', 'is empty; say in one line what the task is, for listings');
  const { image } = environment;
  if (image !== undefined && !image.includes('@') && !/:(?!latest$)[^/]+$/.test(image))
    yield warn(
      'environment.image',
      `names ${image}, which will mean other images as time goes by; name a version, or a digest`,
    );
  if (environment.host !== undefined && environment.host.requires.length === 0)
    yield warn(
      'environment.host',
      'requires no program; name those that the task needs, so that a machine without them says so',
    );
  if (environment.network === 'public')
    yield warn(
      'environment.network',
      'is public: agents may look up the solution, and no two runs see the same internet; say none if you can',
    );
  if (spec.network === 'public')
    yield warn(
      'verification.network',
      'is public: a verdict that depends on other machines changes with them; install in setup what the tests need, and say none',
    );
  if (spec.timeoutMs < SHORT_MS)
    yield warn(
      'verification.timeout',
      `is ${spec.timeoutMs / 1000} s, which a busy machine may need for nothing; allow 10 s at least`,
    );
  if (spec.timeoutMs > LONG_MS)
    yield warn(
      'verification.timeout',
      `is ${spec.timeoutMs / 60_000} minutes, for which a hanging solution holds a place; allow an hour at most if you can`,
    );
  const byLists = spec.grading === 'ALL_LISTED' || spec.grading === 'SWE_BENCH';
  if (spec.grading === 'EXIT_CODE')
    yield warn(
      'verification.grading',
      'is exit_code: the verdict names no tests; list them in fail_to_pass and have the script write a report',
    );
  if (byLists && spec.failToPass.length === 0)
    yield warn(
      'verification.fail_to_pass',
      'is empty: what passes before the task is done shows nothing; list the tests that the solution mends',
    );
  if (byLists && lines.lineOf('verification.report') === lines.lineOf('verification'))
    yield warn(
      'verification.report',
      'is missing: reports are looked for in all XML files of the report folder; name the format and the file',
    );
}
