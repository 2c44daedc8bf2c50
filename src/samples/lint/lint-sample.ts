import { mkdtemp, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { CodesetError } from '../../core/errors.js';
import { globMatcher } from '../../core/glob.js';
import type { SampleManifest } from '../../core/sample.js';
import { applyToCommit } from '../import/hidden-files.js';
import { ImportError } from '../import/import-error.js';
import { git, gitLine, tryGit } from '../git.js';
import { expectCommits, openRepository, packFolder } from '../pack.js';
import { FileSampleReader } from '../sample-reader.js';
import { parseManifest } from '../manifest.js';
import { fileChecks } from './file-checks.js';
import { FieldLines, findingOf, type Finding } from './finding.js';
import { manifestChecks } from './manifest-checks.js';
import { filesBelow } from './sample-files.js';

/**
 * Everything that is wrong or doubtful about a sample's folder, errors first; nothing is sent anywhere, nothing of the
 * sample is run.
 * @param scratch an existing folder for temporary files
 */
export async function lintSample(folder: string, scratch: string): Promise<Finding[]> {
  const text = await readFile(path.join(folder, 'sample.yaml'), 'utf8').catch(() => undefined);
  if (text === undefined) {
    const message = 'is missing; `codeset sample init` writes a folder that has one';
    return [{ file: 'sample.yaml', line: 1, level: 'error', field: '', message }];
  }
  const lines = new FieldLines(text);
  const found: Finding[] = [];
  let manifest: SampleManifest | undefined;
  try {
    manifest = parseManifest(text);
  } catch (error) {
    found.push(...told(error, lines));
  }
  const own = await mkdtemp(path.join(scratch, 'lint-'));
  try {
    // Of a manifest that is wrong it says the same once more.
    if (manifest !== undefined) {
      found.push(...(await refusals(folder, own, lines)), ...manifestChecks(manifest, lines));
      const hidden = await filesBelow(folder, 'verification');
      const inFolder = manifest.codebase === undefined;
      const codebase = inFolder ? await filesBelow(folder, 'codebase') : undefined;
      const task = await readFile(path.join(folder, 'task.md'), 'utf8').catch(() => undefined);
      if (task !== undefined && task.trim() !== '')
        found.push(...fileChecks(manifest, task, { hidden, codebase }, lines));
      // Without a codebase nothing applies to it.
      if (codebase === undefined || codebase.length > 0)
        found.push(...(await solutionChecks(folder, own, manifest, lines)));
    }
  } finally {
    await rm(own, { recursive: true, force: true });
  }
  const rank = ({ level }: Finding): number => (level === 'error' ? 0 : 1);
  return found.sort(
    (a, b) => rank(a) - rank(b) || (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line),
  );
}

/** What the server would say of the folder. */
async function refusals(folder: string, scratch: string, lines: FieldLines): Promise<readonly Finding[]> {
  try {
    await using upload = await new FileSampleReader(scratch).read(packFolder(folder));
    if (upload.hasCodebase || upload.manifest.codebase !== undefined) return [];
    const message =
      'is missing, and sample.yaml names no repository; add the folder, or codebase: {git: …, commit: …}';
    return [{ file: 'codebase', line: 1, level: 'error', field: '', message }];
  } catch (error) {
    return told(error, lines);
  }
}

function told(error: unknown, lines: FieldLines): Finding[] {
  if (!(error instanceof CodesetError)) throw error;
  if (error.violations.length > 0) return error.violations.map((violation) => findingOf(violation, lines));
  const file = error.message.includes('task.md') ? 'task.md' : 'sample.yaml';
  return [{ file, line: 1, level: 'error', field: '', message: error.message }];
}

async function solutionChecks(
  folder: string,
  scratch: string,
  manifest: SampleManifest,
  lines: FieldLines,
): Promise<readonly Finding[]> {
  const files = await filesBelow(folder, 'solution');
  const patch = files.find((file) => file.path === 'solution/solution.patch');
  const apply = files.find((file) => file.path === 'solution/apply');
  const say = (file: string, level: Finding['level'], message: string): Finding[] => [
    { file, line: 1, level, field: '', message },
  ];
  if (patch === undefined && apply === undefined)
    return say(
      'solution',
      'warning',
      'is missing: nothing shows that the task can be done; add solution/solution.patch, made by git diff, or an executable solution/apply',
    );
  if (patch === undefined)
    return apply?.executable === true ? [] : say('solution/apply', 'error', 'is not executable; chmod +x it');
  try {
    const { view, commit } = await baseOf(folder, scratch, manifest);
    const { changed, removed } = await applyToCommit(
      view,
      commit,
      patch.content.toString('utf8'),
      'solution.patch',
    );
    const paths = [...changed.map((file) => file.path), ...removed];
    if (paths.length === 0) return say(patch.path, 'error', 'changes nothing; make it by git diff');
    return putBack(paths, manifest, lines);
  } catch (error) {
    if (error instanceof ImportError)
      return say(patch.path, 'error', `${error.message}; make it anew by git diff in the codebase`);
    if (!(error instanceof CodesetError)) throw error;
    return [
      {
        file: 'sample.yaml',
        line: lines.lineOf('codebase'),
        level: 'error',
        field: 'codebase',
        message: error.message,
      },
    ];
  }
}

/** What the verification puts back from the sample, and with it the solution. */
function putBack(paths: readonly string[], manifest: SampleManifest, lines: FieldLines): readonly Finding[] {
  const { protectedPaths, remove } = manifest.verification;
  const globs = remove.map((glob) => globMatcher(glob));
  return paths.flatMap((file): Finding[] => {
    const wanted = protectedPaths.find(
      (each) => file === each || file.startsWith(`${each.replace(/\/+$/, '')}/`),
    );
    const isRemoved = globs.some((matches) => matches(file));
    if (wanted === undefined && !isRemoved) return [];
    const field = `verification.${wanted === undefined ? 'remove' : 'protected_paths'}`;
    const message = `has ${file} put back before the tests run, which the solution changes; leave it out of the one or the other`;
    return [{ file: 'sample.yaml', line: lines.lineOf(field), level: 'warning', field, message }];
  });
}

/** The codebase as a commit of a repository of our own. @throws {CodesetError} where a repository can't be read */
async function baseOf(
  folder: string,
  scratch: string,
  { codebase }: SampleManifest,
): Promise<{ readonly view: string; readonly commit: string }> {
  if (codebase !== undefined) {
    const view = await openRepository(path.resolve(folder, codebase.git), scratch);
    await expectCommits(view, [codebase.commit], codebase.git);
    return { view, commit: codebase.commit };
  }
  const view = path.join(scratch, 'view.git');
  await git(['init', '--quiet', '--bare', '--', view], { cwd: scratch });
  const options = { cwd: view };
  const work = path.resolve(folder, 'codebase');
  await tryGit([`--work-tree=${work}`, 'add', '--all', '--force', '--', '.'], {
    cwd: work,
    env: { GIT_DIR: view },
  });
  const tree = await gitLine(['write-tree'], options);
  return { view, commit: await gitLine(['commit-tree', '-m', 'Base', tree], options) };
}
