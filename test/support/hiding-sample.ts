import { AuditArea, LeakKind, type Audit, type AuditFinding } from '../../gen/codeset/v1/sample_service.js';
import { packFiles, type MemoryFile } from '../../src/samples/pack.js';
import type { TestClient } from '../rpc/client.js';
import { TEST_IMAGE } from './test-image.js';

/** The lines that the solution of `hidingSample` adds to its fold.js. */
export const SOLUTION: readonly string[] = [
  'const folded = lines.map(foldAtOctets);',
  'return folded.join(CARRIAGE_RETURN + LINE_FEED);',
  'throw new RangeError("widths below four octets fold nothing");',
];
const HIDDEN = `#!/bin/sh
expected='Grüße aus dem Schwarzwald'
sum_of_all_octets=98712356
test "$(cat answer)" = 42
`;

export interface SampleOptions {
  readonly environment?: string;
  readonly files?: readonly MemoryFile[];
  readonly requires?: string;
  /** Lines of its `verification`. */
  readonly verification?: string;
  /** A program that is the solution, in the place of the patch. */
  readonly apply?: string;
}

/** A sample whose solution and hidden script have lines that nobody else has. */
export function hidingSample(
  sampleId: string,
  { environment = '', files = [], requires = '', verification = '', apply }: SampleOptions = {},
) {
  const manifest = `sample_id: ${sampleId}
dataset: audit
environment:
  host: {requires: [${requires}]}
  image: ${TEST_IMAGE}
${environment}
verification:
  timeout: 60s
  grading: exit_code
  fail_to_pass: ["suite::folds_wide_octets"]
${verification}`;
  const patch = `--- a/fold.js\n+++ b/fold.js\n@@ -1 +1,${SOLUTION.length} @@\n-nothing();\n${SOLUTION.map((line) => `+  ${line}\n`).join('')}`;
  return packFiles([
    { path: 'sample.yaml', content: manifest },
    { path: 'task.md', content: 'Fold the lines.\n' },
    { path: 'codebase/fold.js', content: 'nothing();\n' },
    { path: 'codebase/answer', content: '41\n' },
    { path: 'verification/run', content: HIDDEN, executable: true },
    apply === undefined
      ? { path: 'solution/solution.patch', content: patch }
      : { path: 'solution/apply', content: apply, executable: true },
    ...files,
  ]) as AsyncIterable<Buffer>;
}

/** What an audit found; it told that before, one after the other. */
export async function audit(admin: TestClient, sampleId: string): Promise<Audit> {
  const told: AuditFinding[] = [];
  for await (const { event } of admin.samples.auditSample({ sample: { sampleId }, skipCheats: true })) {
    if (event?.$case === 'finding') told.push(event.value);
    if (event?.$case !== 'audit') continue;
    if (JSON.stringify(told) !== JSON.stringify(event.value.findings))
      throw new Error('It told something else before.');
    return event.value;
  }
  throw new Error('An audit ended without its outcome.');
}

/** `SOLUTION? WORKSPACE /workspace/a 1`: the question mark is a hint's. */
export const brief = ({ findings }: Audit): string[] =>
  findings.map(
    ({ kind, hint, area, path, pieces }) =>
      `${LeakKind[kind]}${hint ? '?' : ''} ${AuditArea[area]} ${path} ${pieces}`,
  );

/** Shell lines of `prepare`, as YAML. */
export const prepare = (...lines: readonly string[]): string =>
  ['  prepare:', ...lines.map((line) => `    - ${JSON.stringify(line)}`)].join('\n');
