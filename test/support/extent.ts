/** Whether the long tests run in their full form, as in `npm run check`. */
export const full = process.env['CODESET_TEST_FULL'] === '1';

/** How much a long test does: `short` in `npm test`, `long` in `npm run check`. */
export function extent<T>(short: T, long: T): T {
  return full ? long : short;
}

/**
 * How often a test of test/faults kills at a random moment: CODESET_TEST_KILLS, for a long night. Without it three
 * in `npm run check`, and one in a run of its file alone; a Docker is killed a fifth as often, rounded up. On 29 November 2026, before
 * the last mends, 25 of 25 kills of the service were survived on each engine, and 5 of 5 of Docker with and without
 * live-restore.
 */
export const kills = Number(process.env['CODESET_TEST_KILLS'] ?? extent(1, 3));

const short = process.env['CODESET_TEST_SHORT'] === '1';

/**
 * Tests that only kill or restart, need compiled programs, or try most of the cheats, and take long: `npm run check`
 * runs them, and whoever names them; `npm test` alone, which sets CODESET_TEST_SHORT, does not.
 */
export const IN_CHECK_ONLY = [
  'test/faults/moment-killed.test.ts',
  'test/faults/first-start-killed.test.ts',
  'test/faults/service-killed.test.ts',
  'test/faults/dockerd-killed.test.ts',
  'test/faults/eval-killed.test.ts',
  'test/cli/example-agent.test.ts',
  'test/docs/pages.test.ts',
  'test/clients/python.test.ts',
  'test/clients/cpp.test.ts',
  'test/clients/go.test.ts',
  'test/clients/java.test.ts',
  'test/clients/rust.test.ts',
  'test/rpc/grpcurl-page.test.ts',
  'test/adversarial/disk-and-links.test.ts',
  'test/adversarial/forced-errors.test.ts',
  'test/adversarial/git.test.ts',
  'test/adversarial/left-running.test.ts',
  'test/adversarial/planted-configuration.test.ts',
  'test/adversarial/reading-the-oracle.test.ts',
  'test/adversarial/runner-tampering.test.ts',
  'test/adversarial/startup-hooks.test.ts',
  'test/adversarial/surroundings.test.ts',
  'test/e2e/docker-relink.test.ts',
  'test/e2e/harbor.test.ts',
  'test/e2e/docker-returns.test.ts',
  'test/e2e/two-engines.test.ts',
  'test/engines/docker-relink.test.ts',
  'test/engines/local-ordinary-user.test.ts',
];

/** The same for the second time that tests run, on Docker. */
export const ON_DOCKER_IN_CHECK_ONLY = ['test/e2e/fork.test.ts', 'test/e2e/swe-bench.test.ts'];

export const leftToCheck = short ? IN_CHECK_ONLY : [];
export const leftToCheckOnDocker = short ? ON_DOCKER_IN_CHECK_ONLY : [];
