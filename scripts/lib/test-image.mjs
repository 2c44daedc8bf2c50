// The image that Docker tests run on, made without a registry: a small Debian with what the tests call.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { locked } from './lock.mjs';
import { Failure, capture, root, which } from './process.mjs';

const PACKAGES = [
  'attr',
  'bash',
  'coreutils',
  'gcc',
  'git',
  'iproute2',
  'libc6-dev',
  'procps',
  'python3',
  'python3-pytest',
];
// Pages and words in other languages are a third of it, and no test reads them.
const LEFT_OUT = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*', '/usr/share/info/*'];
const SUITE = 'bookworm';
const TRIES = 3;

const key = createHash('sha256')
  .update(JSON.stringify([SUITE, process.arch, PACKAGES, LEFT_OUT]))
  .digest('hex')
  .slice(0, 12);

/** Its reference; another content has another tag. */
export const TEST_IMAGE = `codeset-test/tools:${key}`;

const folder = join(root, '.setup', 'images');
const archive = join(folder, `tools-${key}.tar`);

/** Whether the image's archive is here, or this machine can make it. */
export function canMakeTestImage() {
  return existsSync(archive) || which('mmdebstrap') !== undefined;
}

/** Whether the archive has been made. */
export function testImageMade() {
  return existsSync(archive);
}

/**
 * Makes the archive where it is not there yet: for `docker import`.
 * @returns its path. @throws Failure with mmdebstrap's words.
 */
export async function testImageArchive() {
  return existsSync(archive) ? archive : locked(makeTestImage);
}

/** The same within the lock of set-up. */
export async function makeTestImage() {
  if (existsSync(archive)) return archive;
  if (which('mmdebstrap') === undefined) {
    throw new Failure('The image of the Docker tests needs mmdebstrap (Debian: apt-get install mmdebstrap).');
  }
  mkdirSync(folder, { recursive: true });
  const parts = readdirSync(folder).filter((name) => name !== `tools-${key}.tar`);
  for (const name of parts) rmSync(join(folder, name), { force: true });
  const partial = `${archive}.${process.pid}`;
  const args = ['--quiet', '--variant=minbase', `--include=${PACKAGES.join(',')}`, '--format=tar'];
  args.push(...LEFT_OUT.map((path) => `--dpkgopt=path-exclude=${path}`));
  let words = '';
  for (let tries = 0; tries < TRIES; tries++) {
    const { status, output } = await capture('mmdebstrap', [...args, SUITE, partial]);
    if (status === 0 && statSync(partial).size > 0) {
      renameSync(partial, archive);
      return archive;
    }
    words = output;
    rmSync(partial, { force: true });
  }
  throw new Failure(
    `${words}\nThe image of the Docker tests could not be made; mmdebstrap's words are above.`,
  );
}
