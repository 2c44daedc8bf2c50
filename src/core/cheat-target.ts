import type { HiddenParts } from './leak-pieces.js';
import type { CheatTarget } from './ports/cheats.js';
import type { SampleVersion } from './sample.js';

/** What cheats may know of a sample: of its solution only which files it changes. */
export function targetOf(
  { manifest }: SampleVersion,
  { solution, files }: Pick<HiddenParts, 'solution' | 'files'>,
): CheatTarget {
  const { report, protectedPaths, failToPass, passToPass } = manifest.verification;
  return {
    language: manifest.language,
    solved: solution === undefined ? [] : changedPaths(Buffer.from(solution).toString()),
    tests: [...failToPass, ...passToPass],
    hidden: files.map(({ path }) => path),
    report,
    protectedPaths,
    resources: manifest.resources,
  };
}

/** The files that a patch changes or adds, without those that it removes. Names that git quotes are left out. */
export function changedPaths(patch: string): readonly string[] {
  const paths: string[] = [];
  let left = { old: 0, new: 0 };
  for (const line of patch.split('\n')) {
    if (left.old > 0 || left.new > 0) {
      const sign = line[0] ?? ' ';
      if (sign !== '+' && sign !== '\\') left = { ...left, old: left.old - 1 };
      if (sign !== '-' && sign !== '\\') left = { ...left, new: left.new - 1 };
      continue;
    }
    const hunk = /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/.exec(line);
    if (hunk !== null) left = { old: Number(hunk[1] ?? 1), new: Number(hunk[2] ?? 1) };
    const path = /^\+\+\+ (?:b\/)?([^"\t]+)/.exec(line)?.[1];
    if (path !== undefined && path !== '/dev/null') paths.push(path);
  }
  return [...new Set(paths)];
}
