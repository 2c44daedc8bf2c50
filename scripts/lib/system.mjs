// What the operating system lacks: installed as root on Debian and Ubuntu, named elsewhere.
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { capture, which } from './process.mjs';

// `any`: programs of which one is enough. `debian`: the package that brings it.
const NEEDS = [
  { any: ['git'], debian: 'git', why: 'codebases and differences' },
  { any: ['runc', 'crun'], debian: 'runc', why: 'the local engine' },
  { any: ['pasta'], debian: 'passt', why: 'the network of sandboxes' },
  { any: ['ip'], debian: 'iproute2', why: 'the network of sandboxes' },
  { any: ['python3'], debian: 'python3', why: 'the Python samples' },
  { any: ['cc', 'gcc', 'clang'], debian: 'gcc libc6-dev', why: "the sandbox's init" },
];

// Only for compiling better-sqlite3 where no prebuilt binary can be had.
const BUILD_NEEDS = [
  { any: ['make'], debian: 'make', why: 'better-sqlite3' },
  { any: ['c++', 'g++', 'clang++'], debian: 'g++', why: 'better-sqlite3' },
  { any: ['python3'], debian: 'python3', why: 'better-sqlite3' },
];

// Only for the tests, and only installed: who may not install them runs the tests with what is there, and those
// that can't do without say so.
const TEST_NEEDS = [
  { any: ['dockerd'], debian: 'docker.io', why: "the tests' own Docker" },
  { any: ['mmdebstrap'], debian: 'mmdebstrap', why: 'the image of the Docker tests' },
  { any: ['openssl'], debian: 'openssl', why: 'the test of a Docker that speaks TLS' },
  { any: ['newuidmap'], debian: 'uidmap', why: 'the tests of the local engine as an ordinary user' },
];

// The same for those that only `npm run check` runs: the client in C++ takes the distribution's gRPC. Go, Maven and
// cargo are for who has them: the distribution's may be too old.
const CHECK_NEEDS = [
  { any: ['cmake'], debian: 'cmake', why: 'the client in C++' },
  { any: ['make'], debian: 'make', why: 'the client in C++' },
  { any: ['c++'], debian: 'g++', why: 'the client in C++' },
  {
    any: ['grpc_cpp_plugin'],
    debian: 'libgrpc++-dev libprotobuf-dev protobuf-compiler-grpc',
    why: 'the client in C++',
  },
  { any: ['pkg-config'], debian: 'pkg-config', why: 'the client in C++' },
];

/**
 * What is not here.
 * @param native whether better-sqlite3 is still to be built. @param tests whether the tests will run.
 * @param check whether those will that only `npm run check` runs.
 */
export function missingPrograms(native, tests, check) {
  const needs = [...NEEDS, ...(native ? BUILD_NEEDS : [])];
  if (canInstall()) needs.push(...(tests ? TEST_NEEDS : []), ...(check ? CHECK_NEEDS : []));
  return needs.filter((need) => need.any.every((program) => which(program) === undefined));
}

export function canInstall() {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version') && which('apt-get') !== undefined;
}

const POLICY = '/usr/sbin/policy-rc.d';

/**
 * Runs `body` while no package that is installed starts a service: docker.io would start a daemon of the machine's.
 * Debian asks this program; a machine that has one has decided already.
 */
async function withoutServices(body) {
  if (existsSync(POLICY)) return body();
  const forget = () => rmSync(POLICY, { force: true });
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  process.once('exit', forget);
  try {
    return await body();
  } finally {
    forget();
    process.off('exit', forget);
  }
}

/** Never throws: what could not be installed is said, and set-up goes on with what is there. */
export function installPrograms(missing, say) {
  return withoutServices(() => install(missing, say));
}

async function install(missing, say) {
  const names = [...new Set(missing.flatMap((need) => need.debian.split(' ')))];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = ['-qq', '-o', 'Acquire::Retries=1', '-o', 'Acquire::http::Timeout=20'];
  options.push('-o', 'DPkg::Lock::Timeout=300');
  const aptInstall = (packages) =>
    capture('apt-get', ['install', '-y', '--no-install-recommends', ...options, ...packages], { env });
  const update = () => capture('apt-get', ['update', ...options], { env });
  const fresh = !listsPresent();
  if (fresh) await update();
  if ((await aptInstall(names)).status === 0) return;
  // The lists may be older than the archive.
  if (!fresh) await update();
  for (const name of names) {
    // Each by itself: one that this release does not have keeps none of the others out.
    const { status, output } = await aptInstall([name]);
    const reason = output.trim().split('\n').at(-1) ?? '';
    if (status !== 0) say(`apt-get could not install ${name} (${reason}); going on without`);
  }
}

function listsPresent() {
  try {
    return readdirSync('/var/lib/apt/lists').some((name) => /_Packages(\.|$)/.test(name));
  } catch {
    return false;
  }
}
