import { defineConfig } from 'vitest/config';
import { ALSO_ON_DOCKER, LOCAL_ONLY } from './test/support/engine-choice.js';

// Named: everything runs on that engine, and nothing twice.
const engine = process.env['CODESET_TEST_ENGINE'] ?? '';

export default defineConfig({
  test: {
    globalSetup: ['test/support/docker-of-run.ts'],
    // Processes, not threads: tests change folders, signals and limits of their own process.
    pool: 'forks',
    // Real servers and sandboxes share the machine; more workers than this only make each other late.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
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
          exclude: engine === 'docker' ? Object.keys(LOCAL_ONLY) : [],
        },
      },
      ...(engine === '' && ALSO_ON_DOCKER.length > 0
        ? [
            {
              extends: true as const,
              test: { name: 'docker', include: ALSO_ON_DOCKER, env: { CODESET_TEST_ENGINE: 'docker' } },
            },
          ]
        : []),
    ],
  },
});
