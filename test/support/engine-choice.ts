import { extent } from './extent.js';

/** The families of cheats. */
const ADVERSARIAL = [
  'disk-and-links',
  'forced-errors',
  'forged-reports',
  'git',
  'left-running',
  'own-samples',
  'planted-configuration',
  'reading-the-oracle',
  'runner-tampering',
  'startup-hooks',
  'surroundings',
].map((name) => `test/adversarial/${name}.test.ts`);

/**
 * Tests that run on Docker too, whatever else runs them: a choice of each kind of what the service does. A full run
 * takes the examples and all cheats as well, whose images and compilers need minutes.
 */
export const ALSO_ON_DOCKER = [
  'test/e2e/spine.test.ts',
  'test/e2e/shells.test.ts',
  'test/e2e/swe-bench.test.ts',
  'test/e2e/fork.test.ts',
  ...extent([], ['test/e2e/examples.test.ts', 'test/e2e/verification-filesystem.test.ts', ...ADVERSARIAL]),
];

/** Tests that need the local engine, with the reason; all others run on Docker where CODESET_TEST_ENGINE says so. */
export const LOCAL_ONLY: Readonly<Record<string, string>> = {
  'test/engines/local.test.ts': 'is about it',
  'test/engines/local-ordinary-user.test.ts': 'is about it',
  'test/engines/apart.test.ts': 'is about subjects in its sandboxes',
  'test/e2e/two-engines.test.ts': 'is about it beside another',
  'test/e2e/leftovers.test.ts': "looks into its folders; Docker's are looked at in test/faults",
  'test/e2e/fork-restart.test.ts': "looks into its folders; Docker's are looked at in test/faults",
  'test/e2e/isolation.test.ts':
    "looks at its mounts from this machine; Docker's walls are in the engines' contract",
  'test/e2e/audit-local.test.ts': 'is about prepare with git, and samples on this machine’s toolchains',
  'test/clients/python.test.ts': 'runs its sessions on this machine’s toolchain',
  'test/e2e/differential.test.ts': "compares a sandbox with this machine's own shell, on the same programs",
};

/** Tests that need a Docker, with the reason. */
export const DOCKER_ONLY: Readonly<Record<string, string>> = {
  'test/engines/docker-images.test.ts': 'is about its images',
  'test/engines/docker-link.test.ts': 'is about the link through it',
  'test/engines/docker-exec-link.test.ts': 'is about the link through it',
  'test/engines/docker-neighbours.test.ts': 'is about two services on one',
  'test/engines/docker-belongings.test.ts': 'is about what a service keeps in it',
  'test/engines/docker-odd-images.test.ts': 'is about images for it',
  'test/cli/prefetch.test.ts': 'is about its images',
  'test/e2e/no-shell.test.ts': 'is about images for it',
  'test/e2e/image-user.test.ts': 'is about users of its images',
  'test/e2e/harbor.test.ts': 'is about tasks that are images',
  'test/e2e/docker-relink.test.ts': 'is about the links through it',
};

/** Tests that start a daemon themselves, which takes root, with the reason. */
export const OWN_DOCKER: Readonly<Record<string, string>> = {
  'test/engines/docker.test.ts': 'stops and kills it',
  'test/engines/docker-kinds.test.ts': 'starts it with flags of its own',
  'test/engines/docker-relink.test.ts': 'removes containers of it while a service has them',
  'test/engines/docker-without-init.test.ts': 'gives it a runtime of its own',
  'test/engines/docker-build-network.test.ts': 'gives it a network of its own',
  'test/engines/docker-network.test.ts': 'gives it a network of its own',
  'test/e2e/docker-returns.test.ts': 'stops it, and gives it a runtime of its own',
  'test/unit/support/dockerd.test.ts': 'is about it',
  'test/faults/dockerd-killed.test.ts': 'kills it',
  'test/faults/moment-killed.test.ts': 'has it tell of nothing but what one service does',
  'test/faults/run-killed.test.ts': 'kills it',
};
