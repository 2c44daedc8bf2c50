import type { CheatTarget } from '../../../src/core/ports/cheats.js';
import { parseManifest } from '../../../src/samples/manifest.js';
import type { MemoryFile } from '../../../src/samples/pack.js';
import { TEST_IMAGE } from '../../support/test-image.js';
import type { Kind } from '../../../src/cheats/cheat.js';

/** A small sample that cheats are tried on: a sum that subtracts. */
export interface Ground {
  readonly kind: Kind;
  /** What the reference solution changes. */
  readonly touched: readonly string[];
  /** What an honest agent does, as a shell line in the workspace. */
  readonly honest: string;
  /** The programs that it takes of a host. */
  readonly programs: readonly string[];
  /** The image for Docker, where it is not the test image. */
  readonly image?: string;
  /** The part of the manifest below `verification`, and what else there is at its top. */
  readonly manifest: string;
  /** Set-up of its environment, as YAML's flow. */
  readonly environment?: string;
  /** Limits of its sandboxes, as YAML's flow, where they are others than for most. */
  readonly resources?: string;
  readonly files: readonly MemoryFile[];
}

/** Little, so that what fills it is soon done. */
const RESOURCES = '{memory: 512MiB, processes: 64, disk: 64MiB}';

export function text(path: string, content: string, executable = false): MemoryFile {
  return { path, content, executable };
}

/** The files of the sample. @param env variables of its environment. */
export function sampleFiles(
  ground: Ground,
  env: Readonly<Record<string, string>> = {},
): readonly MemoryFile[] {
  const {
    kind,
    programs,
    image = TEST_IMAGE,
    manifest,
    environment = '',
    resources = RESOURCES,
    files,
  } = ground;
  return [
    text(
      'sample.yaml',
      `sample_id: ${kind}
dataset: adversarial
description: A sum that subtracts, judged by the kind ${kind}.
environment:
  host: {requires: [${programs.join(', ')}]}
  image: ${image}
  env: ${JSON.stringify(env)}
${environment}resources: ${resources}
verification:
  command: [verification/run]
  timeout: 20s
${manifest}`,
    ),
    text('task.md', 'The sum of 1 and 2 should be 3.\n'),
    text('codebase/.gitignore', '*.log\n__pycache__/\n'),
    text('codebase/README.md', 'Adds two numbers.\n'),
    ...files,
  ];
}

/** What a cheat may know of a ground. */
export function targetOf(ground: Ground): CheatTarget {
  const files = sampleFiles(ground);
  const manifest = parseManifest(files.find(({ path }) => path === 'sample.yaml')?.content.toString() ?? '');
  const { report, protectedPaths, failToPass, passToPass } = manifest.verification;
  return {
    language: manifest.language,
    solved: ground.touched,
    tests: [...failToPass, ...passToPass],
    hidden: files
      .map(({ path }) => path)
      .filter((path) => path.startsWith('verification/'))
      .map((path) => path.slice('verification/'.length)),
    report,
    protectedPaths,
    resources: manifest.resources,
  };
}
