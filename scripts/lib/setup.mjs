// What every command of this checkout does first. Plain Node: nothing is installed yet when it runs.
import { accessSync, constants } from 'node:fs';
import { buildTypeScript } from './typescript.mjs';
import { locked } from './lock.mjs';
import { buildNative, installPackages, nativeBuilt, packagesInstalled } from './packages.mjs';
import { Failure, capture, which } from './process.mjs';
import { canInstall, installPrograms, missingPrograms } from './system.mjs';
import { canMakeTestImage, makeTestImage, testImageMade } from './test-image.mjs';

// Progress goes to stderr, so that what a command prints stays its own.
const say = (line) => console.error(`set-up: ${line}`);

/**
 * Makes the checkout ready to run. What is there already is left alone, without a word and without a network.
 * @param build false to leave out init and dist/, for commands that only need the packages.
 * @param tests true to bring also what only the tests need: Docker, and an image for it.
 * @param check true to bring also what only the tests of `npm run check` need: gRPC for C++.
 * @throws Failure with the words of the step that failed.
 */
export async function setUp({ build = true, tests = false, check = false } = {}) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 10)) {
    throw new Failure(`set-up: Node 20.10 or later is needed; this is ${process.versions.node}.`);
  }
  const start = Date.now();
  const steps = await locked(
    () => takeSteps(build, tests, check),
    () => say('waiting for another set-up of this checkout'),
  );
  if (steps > 0) say(`done in ${((Date.now() - start) / 1000).toFixed(0)} s`);
}

/** @returns how many steps had something to do. */
async function takeSteps(build, tests, check) {
  let steps = 0;
  const step = async (line, work) => {
    steps += 1;
    say(line);
    await work();
  };
  const packages = packagesInstalled();
  const native = packages && (await nativeBuilt());

  const missing = missingPrograms(!native, tests, check);
  if (missing.length > 0) {
    const named = missing.map((need) => need.debian).join(' ');
    if (canInstall()) {
      await step(`installing ${named} (apt-get)`, () => installPrograms(missing, say));
    } else {
      const what = missing.map((need) => `${need.any.join(' or ')} for ${need.why}`).join(', ');
      say(`missing: ${what}; install it (Debian, Ubuntu: apt-get install ${named}). Going on without.`);
    }
  }
  if (!packages) await step('installing npm packages by the lock file', installPackages);
  if (!native && !(await nativeBuilt())) {
    await step('building better-sqlite3 (takes a minute or two)', buildNative);
  }
  if (build) {
    await buildInit();
    await buildTypeScript();
  }
  if (tests && mayUseDocker() && canMakeTestImage() && !testImageMade()) {
    await step('making the image of the Docker tests (half a minute)', async () => {
      // Those tests try again, and fail with the reason.
      await makeTestImage().catch((error) => say(error.message));
    });
  }
  return steps;
}

/** Whether the tests may find a Docker: one of their own, which takes root, or one that runs. */
function mayUseDocker() {
  if (process.getuid?.() === 0 && which('dockerd') !== undefined) return true;
  if (process.env.DOCKER_HOST || process.env.CODESET_TEST_DOCKER) return true;
  try {
    accessSync('/var/run/docker.sock', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

// Images of another architecture need an init of theirs; it is built where its compiler is there.
const CROSS_COMPILERS = [
  { architecture: 'arm64', cpu: 'arm64', compiler: 'aarch64-linux-gnu-gcc' },
  { architecture: 'amd64', cpu: 'x64', compiler: 'x86_64-linux-gnu-gcc' },
];

/** Does nothing when init is newer than its sources. */
async function buildInit() {
  const { status, output } = await capture('sh', ['init/build.sh']);
  // Without it there is no sandbox of our own, but Docker's machines and the unit tests still go on.
  if (status !== 0)
    say(`init was not built; sandboxes can't start. ${output.trim().split('\n').at(-1) ?? ''}`);
  for (const { architecture, cpu, compiler } of CROSS_COMPILERS) {
    if (process.arch === cpu || which(compiler) === undefined) continue;
    const built = await capture('sh', ['init/build.sh'], {
      env: { ...process.env, CC: compiler, OUT: `build/codeset-init-${architecture}` },
    });
    if (built.status !== 0) say(`init was not built for ${architecture}. ${built.output.trim()}`);
  }
}
