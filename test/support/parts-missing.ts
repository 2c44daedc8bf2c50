import { accessSync, constants, existsSync, readFileSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { works } from '../../scripts/lib/process.mjs';
import { clientLacks } from './client-toolchains.js';
import { engineHere } from './engine-name.js';
import { pythonHere } from './python-here.js';
import { isRoot } from './root-only.js';

const EXAMPLES = join(import.meta.dirname, '../../samples/examples');

/**
 * Test files that skip themselves, or a part, for want of what the project does not install or the machine does not
 * have: each with the reason where it does so here. A test of the house counts them, with those of root-only.ts.
 */
export const PARTS_MISSING: Readonly<Record<string, () => string | undefined>> = {
  'test/e2e/swe-bench.test.ts': withoutInstances,
  'test/unit/samples/import/swe-bench-real.test.ts': () =>
    withoutInstances() ??
    (works('python3', ['-m', 'pytest', '--version'])
      ? undefined
      : 'judges none of the real instances: this python3 has no pytest'),
  'test/clients/python.test.ts': () => {
    if (pythonHere(10) === undefined)
      return 'needs Python 3.10 or newer with venv (Debian, Ubuntu: apt-get install python3-venv)';
    return pythonHere(12) === undefined
      ? 'tries no environment of Harbor, which needs Python 3.12 or newer'
      : undefined;
  },
  'test/rpc/grpcurl.test.ts': () =>
    grpcurlHere() === undefined
      ? 'needs grpcurl: go install github.com/fullstorydev/grpcurl/cmd/grpcurl@latest'
      : undefined,
  'test/rpc/grpcurl-page.test.ts': () => {
    const absent = [
      ...(grpcurlHere() === undefined ? ['grpcurl'] : []),
      ...(toolHere('ghz') === undefined ? ['ghz (go install github.com/bojand/ghz/cmd/ghz@latest)'] : []),
    ];
    return absent.length === 0
      ? undefined
      : `runs only a part of the page: there is no ${absent.join(' and no ')}`;
  },
  'test/clients/go.test.ts': () => clientLacks('go'),
  'test/clients/java.test.ts': () => clientLacks('java'),
  'test/clients/rust.test.ts': () => clientLacks('rust'),
  'test/clients/cpp.test.ts': () => clientLacks('cpp'),
  'test/unit/samples/examples.test.ts': () => {
    const lacking = readdirSync(EXAMPLES).flatMap((name) => {
      const programs = exampleLacks(name);
      return programs.length === 0 ? [] : [`${name} (${programs.join(', ')})`];
    });
    return lacking.length === 0
      ? undefined
      : `does not judge examples whose programs are not here: ${lacking.join('; ')}`;
  },
  'test/unit/samples/skeleton.test.ts': () => {
    const lacking = ['python3', 'node', 'go'].filter((program) => !onPath(program));
    return lacking.length === 0
      ? undefined
      : `does not judge new samples whose programs are not here: ${lacking.join(', ')}`;
  },
  'test/unit/init-binary.test.ts': () => {
    const { compiler, emulator, name } = otherMachine;
    const absent = [compiler, emulator].filter((program) => !works(program, ['--version']));
    return absent.length === 0
      ? undefined
      : `does not try all of init for ${name}: there is no ${absent.join(' and no ')}`;
  },
  'test/storage/disk-full.test.ts': () =>
    isRoot && works('unshare', ['--mount', 'true'])
      ? undefined
      : 'fills a small disk, which takes the right to mount one',
  'test/engines/local.test.ts': () =>
    works('pasta', ['--version']) && existsSync('/dev/net/tun')
      ? undefined
      : 'tries no network PUBLIC: there is no pasta (Debian, Ubuntu: apt-get install passt), or no /dev/net/tun',
  'test/cli/doctor.test.ts': () =>
    engineHere() === 'local' ? undefined : 'in one of its tests needs the local engine',
  'test/adversarial/startup-hooks.test.ts': withoutKinds,
  'test/adversarial/planted-configuration.test.ts': withoutKinds,
  'test/adversarial/forged-reports.test.ts': withoutKinds,
  'test/adversarial/left-running.test.ts': withoutKinds,
  'test/adversarial/disk-and-links.test.ts': withoutKinds,
  'test/adversarial/git.test.ts': withoutKinds,
  'test/adversarial/surroundings.test.ts': withoutKinds,
  'test/adversarial/runner-tampering.test.ts': withoutKinds,
  'test/adversarial/reading-the-oracle.test.ts': withoutKinds,
};

function withoutKinds(): string | undefined {
  const lacking = ['pytest', 'node', 'go'].flatMap((kind) => kindLacks(kind) ?? []);
  return lacking.length === 0
    ? undefined
    : `tries no cheats on samples of some kinds: there is ${lacking.join(', ')}`;
}

function withoutInstances(): string | undefined {
  if (sweBenchFolder() !== undefined) return undefined;
  return 'needs real instances: set CODESET_TEST_SWE_BENCH to a folder with instances.jsonl and a .bundle';
}

/** CODESET_TEST_SWE_BENCH: real SWE-bench instances with a bundle of their repository, which are not the project's. */
export function sweBenchFolder(): string | undefined {
  const folder = process.env['CODESET_TEST_SWE_BENCH'] ?? '';
  return folder === '' ? undefined : folder;
}

/** CODESET_TEST_GRPCURL, or where it is installed. */
export function grpcurlHere(): string | undefined {
  return process.env['CODESET_TEST_GRPCURL'] ?? toolHere('grpcurl');
}

/** Where a program is that may have been installed by `go install`. */
export function toolHere(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), join(homedir(), 'go', 'bin')];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** What an example of samples/examples requires of a host, and is not on this machine's PATH. */
export function exampleLacks(name: string): readonly string[] {
  const manifest = readFileSync(join(EXAMPLES, name, 'sample.yaml'), 'utf8');
  const requires = /requires: \[(.*?)\]/.exec(manifest)?.[1]?.split(/, */) ?? [];
  return requires.filter((program) => !onPath(program));
}

/** As a shell finds it. */
export function onPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** What this machine lacks for a kind of sample that test/adversarial tries cheats on. */
export function kindLacks(kind: string): string | undefined {
  if (kind === 'go' || kind === 'node') return onPath(kind) ? undefined : `no ${kind}`;
  // The image for Docker has one.
  if (kind !== 'pytest' || engineHere() === 'docker') return undefined;
  return works('python3', ['-m', 'pytest', '--version']) ? undefined : 'no python3 with pytest';
}

/** The architecture that init is built for beside this machine's, and what it takes to build and run it. */
export const otherMachine =
  process.arch === 'arm64'
    ? { name: 'amd64', compiler: 'x86_64-linux-gnu-gcc', emulator: 'qemu-x86_64-static', machine: 62 }
    : { name: 'arm64', compiler: 'aarch64-linux-gnu-gcc', emulator: 'qemu-aarch64-static', machine: 183 };
