import { stringify } from 'yaml';
import type { MemoryFile } from '../pack.js';
import { SKELETON_LANGUAGES, type SkeletonLanguage } from './languages.js';

export const SKELETON_NAMES: readonly string[] = Object.keys(SKELETON_LANGUAGES);

/** In the order in which they are run. */
const CASES = [
  { name: 'plain-words', list: 'pass_to_pass', text: 'three plain words', words: 3 },
  { name: 'one-word', list: 'pass_to_pass', text: 'one', words: 1 },
  { name: 'two-spaces', list: 'fail_to_pass', text: 'two  spaces', words: 2 },
  { name: 'spaces-around', list: 'fail_to_pass', text: ' around ', words: 1 },
  { name: 'no-words', list: 'fail_to_pass', text: '', words: 0 },
] as const;

const TASK = (file: string): string => `# Words are counted wrong

\`${file}\` prints how many words its argument has. Where there is more than one space between two words, or a space
before the first or after the last, it prints too many, and for an empty argument it prints 1.

Words are parted by one or more spaces. An argument without words has 0 of them.
`;

/**
 * The files of a new sample that is whole: it lints clean, fails untouched and passes with its solution.
 * @param name one of SKELETON_NAMES
 */
export function skeleton(name: string, sampleId: string, dataset: string): MemoryFile[] {
  const language = SKELETON_LANGUAGES[name];
  if (language === undefined) throw new Error(`There is no skeleton in ${name}.`);
  return [
    { path: 'sample.yaml', content: manifestOf(language, sampleId, dataset) },
    { path: 'task.md', content: TASK(language.file) },
    { path: `codebase/${language.file}`, content: language.before },
    {
      path: 'codebase/README.md',
      content: `# words\n\nCounts words: \`${language.run.replaceAll('"$stage/words"', 'go run .')} 'some text'\`.\n`,
    },
    ...Object.entries(language.more).map(([path, content]) => ({ path: `codebase/${path}`, content })),
    { path: 'verification/run', content: scriptOf(language), executable: true },
    { path: 'solution/solution.patch', content: patchOf(language.file, language.before, language.after) },
  ];
}

function manifestOf(language: SkeletonLanguage, sampleId: string, dataset: string): string {
  const listed = (list: string): string[] =>
    CASES.filter((each) => each.list === list).map(({ name }) => name);
  const manifest = {
    sample_id: sampleId,
    dataset,
    description: 'Words are counted wrong where there are several spaces.',
    language: language.language,
    tags: ['bugfix'],
    environment: {
      host: { requires: language.requires },
      image: language.image,
      ...(Object.keys(language.env).length === 0 ? {} : { env: language.env }),
    },
    resources: { cpus: 1, memory: language.memory, processes: 256, disk: '512MiB' },
    verification: {
      command: ['verification/run'],
      timeout: language.timeout,
      scope: 'workspace',
      grading: 'all_listed',
      report: { format: 'junit', paths: ['report.xml'] },
      fail_to_pass: listed('fail_to_pass'),
      pass_to_pass: listed('pass_to_pass'),
    },
  };
  return stringify(manifest, { lineWidth: 110 });
}

function scriptOf({ build, run }: SkeletonLanguage): string {
  return `#!/bin/sh
# Runs the program once a case, as the subject's user and without a way back, and compares what it prints from outside:
# what is expected stands in this file alone, which is root's, and so is the report.
set -u
stage=$(mktemp -d) || exit 2
trap 'rm -rf "$stage"' EXIT
chmod 755 "$stage"
report=$CODESET_REPORT_DIR/report.xml
failures=0
${build}
# check NAME EXPECTED ARGUMENT…
check() {
  name=$1
  expected=$2
  shift 2
  got=$(as-subject timeout 20 ${run} "$@" 2> "$stage/errors")
  status=$?
  if [ "$status" -eq 0 ] && [ "$got" = "$expected" ]; then
    echo "ok      $name"
    echo "<testcase classname=\\"words\\" name=\\"$name\\"/>" >> "$report"
  else
    echo "FAILED  $name: exit status $status, printed '$got', expected '$expected'"
    cat "$stage/errors"
    failures=$((failures + 1))
    echo "<testcase classname=\\"words\\" name=\\"$name\\"><failure message=\\"exit status $status, or other output than expected\\"/></testcase>" >> "$report"
  fi
}

echo '<testsuite name="words">' > "$report"
${CASES.map(({ name, text, words }) => `check ${name} ${words} '${text}'`).join('\n')}
echo '</testsuite>' >> "$report"
[ "$failures" -eq 0 ]
`;
}

/** A patch of one hunk. Both texts end with a line feed. */
function patchOf(file: string, before: string, after: string): string {
  const old = before.split('\n').slice(0, -1);
  const now = after.split('\n').slice(0, -1);
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head += 1;
  let tail = 0;
  const most = Math.min(old.length, now.length) - head;
  while (tail < most && old[old.length - 1 - tail] === now[now.length - 1 - tail]) tail += 1;
  const from = Math.max(0, head - 3);
  const after3 = Math.min(tail, 3);
  const lines = [
    ...old.slice(from, head).map((line) => ` ${line}`),
    ...old.slice(head, old.length - tail).map((line) => `-${line}`),
    ...now.slice(head, now.length - tail).map((line) => `+${line}`),
    ...old.slice(old.length - tail, old.length - tail + after3).map((line) => ` ${line}`),
  ];
  const counts = [old, now].map((all) => `${from + 1},${all.length - tail + after3 - from}`);
  return `diff --git a/${file} b/${file}\n--- a/${file}\n+++ b/${file}\n@@ -${counts[0]} +${counts[1]} @@\n${lines.join('\n')}\n`;
}
