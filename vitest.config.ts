import { defineConfig } from 'vitest/config';
import { dockerSource, leftOut } from './test/support/docker-source.js';
import { ALSO_ON_DOCKER } from './test/support/engine-choice.js';
import { engineHere, engineNamed } from './test/support/engine-name.js';
import { leftToCheck, leftToCheckOnDocker } from './test/support/extent.js';

const docker = await dockerSource();
// Named, or the only one: everything runs on that engine, and nothing twice.
const onBoth = engineNamed() === undefined && engineHere() === 'local' && docker.kind !== 'none';

export default defineConfig({
  test: {
    globalSetup: ['test/support/docker-of-run.ts'],
    // Processes, not threads: tests change folders, signals and limits of their own process.
    pool: 'forks',
    // Real servers and sandboxes share the machine; more workers than this only make each other late.
    maxWorkers: 2,
    // Of the tests of one file that may run side by side.
    maxConcurrency: 4,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Whoever forgets to await an assertion learns it.
    dangerouslyIgnoreUnhandledErrors: false,
    // Polling ends as soon as it may; a second, the default, is short on a busy machine.
    expect: { requireAssertions: false, poll: { timeout: 30_000 } },
    // The machine's own settings would change what tests see.
    env: { NO_COLOR: '1' },
    projects: [
      {
        extends: true,
        test: {
          name: 'all',
          include: ['test/**/*.test.ts'],
          exclude: [...(await leftOut(docker)).keys(), ...leftToCheck],
        },
      },
      ...(onBoth
        ? [
            {
              extends: true as const,
              test: {
                name: 'docker',
                include: ALSO_ON_DOCKER,
                exclude: leftToCheckOnDocker,
                env: { CODESET_TEST_ENGINE: 'docker' },
              },
            },
          ]
        : []),
    ],
  },
});
