import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
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
  },
});
