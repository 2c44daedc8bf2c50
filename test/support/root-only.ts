/** Parts of test files that take root and skip themselves elsewhere, with the reason. A test of the house counts them. */
export const ROOT_ONLY: Readonly<Record<string, string>> = {
  'test/engines/local-ordinary-user.test.ts':
    "runs the local engine's tests once more as an ordinary user, as they all run here",
  'test/e2e/leftovers.test.ts': 'in one of its tests mounts a file system where a sandbox is to be removed',
  'test/unit/exec/pids.test.ts': 'says which process id comes next',
  'test/unit/engines/local/cgroups.test.ts': 'makes cgroups',
  'test/unit/engines/local/copier.test.ts':
    'makes devices, owners and trusted attributes, and mounts a small disk',
  'test/unit/samples/examples.test.ts': 'in one of its tests unpacks files that are root’s',
};

/** The same for parts that take a limit on memory, which the local engine holds under root alone. */
export const MEMORY_LIMITED: Readonly<Record<string, string>> = {
  'test/adversarial/own-samples.test.ts': 'in one of its tests takes all memory of its sandbox',
  'test/e2e/limits.test.ts': 'in one of its tests takes all memory of its sandbox',
  'test/e2e/processes.test.ts': 'in one of its tests takes all memory of its sandbox',
};

/** For `describe.runIf` and `test.runIf` in a file of ROOT_ONLY. */
export const isRoot = process.getuid?.() === 0;
