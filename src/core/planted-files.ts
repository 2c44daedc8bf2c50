import { globMatcher } from './glob.js';
import type { VerificationSpec } from './sample.js';

/**
 * What test runners, interpreters and build tools pick up by themselves wherever it lies, and agents have next to no
 * reason to change: in a verification it is the sample's. Files that agents change for good reasons and that hold
 * such settings among others are runner-settings.ts's.
 */
const PICKED_UP = [
  // Python: start-up hooks, and pytest's own files.
  '**/conftest.py',
  '**/sitecustomize.*',
  '**/usercustomize.*',
  '**/sitecustomize/__init__.*',
  '**/usercustomize/__init__.*',
  '**/pytest.ini',
  '**/.pytest.ini',
  '**/pytest.toml',
  '**/.pytest.toml',
  '**/.coveragerc',
  '**/nose2.cfg',
  '**/unittest.cfg',
  '**/site-packages/*.pth',
  '**/dist-packages/*.pth',
  // Node: what is loaded first, and the settings of its runners.
  '**/.npmrc',
  '**/.yarnrc',
  '**/.yarnrc.yml',
  '**/node.config.json',
  '**/bunfig.toml',
  '**/jest.config.*',
  '**/vitest.config.*',
  '**/vitest.workspace.*',
  '**/.mocharc',
  '**/.mocharc.*',
  '**/mocha.opts',
  '**/.nycrc',
  '**/.nycrc.*',
  '**/.c8rc',
  '**/.c8rc.*',
  '**/jasmine.json',
  '**/ava.config.*',
  '**/.taprc',
  '**/karma.conf.*',
  '**/playwright.config.*',
  '**/cypress.config.*',
  // Go and Rust: what is built in the place of what, and what runs it.
  '**/go.work',
  '**/go.work.sum',
  '**/.cargo/config',
  '**/.cargo/config.toml',
  '**/rust-toolchain',
  '**/rust-toolchain.toml',
  // Others: extensions that JUnit and Maven load, scripts that fetch a build tool and start it, options of runners.
  '**/.mvn/**',
  '**/mvnw',
  '**/gradlew',
  '**/gradle/wrapper/**',
  '**/junit-platform.properties',
  '**/META-INF/services/org.junit.*',
  '**/CTestCustom.cmake',
  '**/.rspec',
  '**/.rspec-local',
  '**/.bundle/config',
  '**/phpunit.xml',
  '**/phpunit.xml.dist',
  '**/phpunit.dist.xml',
  // GNU make takes it before Makefile.
  '**/GNUmakefile',
];

/** Runners that lie in the workspace: put back where the sample has them, an agent may install others. */
const INSTALLED = [
  ...['.venv', 'venv'].flatMap((name) => [`**/${name}/bin/**`, `**/${name}/pyvenv.cfg`]),
  ...['pytest', '_pytest', 'pluggy', 'pytest.py'].map((name) => `**/site-packages/${name}/**`),
  ...[
    ...['jest', 'jest-*', '@jest', 'vitest', '@vitest', 'mocha', 'chai', 'ava', '@ava', 'tap', '@tapjs'],
    ...['jasmine', 'jasmine-core', '.bin'],
  ].map((name) => `**/node_modules/${name}/**`),
];

/** Python's own modules and pytest's that a runner loads late, and that nobody's task is to write. */
const RUNNER_MODULES = [
  ...['pytest', '_pytest', 'pluggy', 'iniconfig', 'unittest', 'doctest'],
  ...['pdb', 'bdb', 'faulthandler', 'difflib', 'xml'],
];
/** Folders that test runs have on their path. */
const ON_PATH = ['', 'src/', 'lib/', 'test/', 'tests/'];

/** What is removed when it is planted, and stays as it is where the sample has it: a project may be pytest itself. */
const SHADOWS = ON_PATH.flatMap((folder) =>
  RUNNER_MODULES.flatMap((name) => [`${folder}${name}.py`, `${folder}${name}/__init__.py`]),
);

/** What Python loads in the place of `x.py` beside it: a package, or a compiled module of that name. */
const BEFORE_SOURCE = /^(.*)\/__init__\.[^/]+$|^((?:.*\/)?[^/.]+)(?:\.[^/]*)?\.(?:so|pyd|pyc|pyo)$/;

/** Names in a folder by which it would be picked up: a link to a folder with another name shows as the link alone. */
const WITHIN = [
  '__init__.py',
  'config',
  'config.toml',
  'x.pth',
  'org.junit.x',
  'services/org.junit.x',
  'wrapper/x',
];
/** Of a package that is installed; Python takes their names in small and large letters. */
const METADATA = /\.(?:dist|egg)-info$|(?:^|\/)EGG-INFO$/i;

/** Folders of tests, from whose name on a planted package is on nobody's way but that of the tests. */
const TEST_FOLDER = /^tests?$|^testing$/i;

const pickedUp = anyOf(PICKED_UP);
const installed = anyOf(INSTALLED);
const shadows = new Set(SHADOWS);

/** One expression for globs that begin with any folder: trees have many files, and each is looked at. */
function anyOf(globs: readonly string[]): RegExp {
  const names = globs.map((glob) => {
    const [, name = '', below] = /^\*\*\/(.*?)(\/\*\*)?$/.exec(glob) ?? [];
    const pattern = name.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*');
    return `${pattern}${below === undefined ? '$' : '(?:/|$)'}`;
  });
  return new RegExp(`(?:^|/)(?:${names.join('|')})`);
}

/**
 * Which files of a subject a runner would pick up.
 *
 * @param keep globs of the sample: files that its agents are meant to change.
 * @param owned paths that are the sample's: hidden and protected tests.
 */
export class PlantedFiles {
  readonly #keep: readonly ((path: string) => boolean)[];
  readonly #packages: ReadonlySet<string>;
  readonly #folders: ReadonlySet<string>;
  /** Without `.py`. */
  readonly #modules: ReadonlySet<string>;

  constructor(keep: readonly string[], owned: readonly string[]) {
    this.#keep = keep.map(globMatcher);
    const folders = owned.flatMap(testFoldersAbove);
    this.#packages = new Set(folders.map((folder) => `${folder}/__init__.py`));
    this.#folders = new Set(folders);
    this.#modules = new Set(owned.filter((path) => path.endsWith('.py')).map((path) => path.slice(0, -3)));
  }

  /** Whether the sample says that it is its agents' to change. */
  kept(path: string): boolean {
    return this.#keep.some((matches) => matches(path));
  }

  /** @param planted the sample has no such file. @param link it is a symbolic link, to a folder perhaps */
  isPickedUp(path: string, planted: boolean, link = false): boolean {
    const names = link ? [path, ...WITHIN.map((name) => `${path}/${name}`)] : [path];
    const found = names.some((name) => this.#isPickedUp(name, planted)) || (link && METADATA.test(path));
    return found && !this.kept(path);
  }

  #isPickedUp(path: string, planted: boolean): boolean {
    if (pickedUp.test(path) || this.#packages.has(path)) return true;
    return planted ? shadows.has(path) || this.#standsBefore(path) : installed.test(path);
  }

  /** Whether Python would take it for a module of the sample's tests, or for a folder of them. */
  #standsBefore(path: string): boolean {
    const [, folder, file] = BEFORE_SOURCE.exec(path) ?? [];
    const module = folder ?? file;
    if (module !== undefined && this.#modules.has(module)) return true;
    // Of two that are there a package goes before a file, but a folder without `__init__.py` is none.
    return this.#folders.has(file ?? (path.endsWith('.py') ? path.slice(0, -3) : ''));
  }
}

/** Paths of tests that are the sample's, as far as it names them: the names of pytest's tests hold their files'. */
export function ownTests(spec: VerificationSpec): readonly string[] {
  const named = [...spec.failToPass, ...spec.passToPass, ...spec.failToFail].flatMap((name) => {
    const [file = '', ...inner] = name.split('::');
    return inner.length > 0 && file.endsWith('.py') ? [file] : [];
  });
  return [...new Set([...spec.protectedPaths, ...named])];
}

/** The folders above a test that hold nothing but tests, whose `__init__.py` Python would load before it. */
function testFoldersAbove(test: string): string[] {
  const folders = test.replace(/\/+$/, '').split('/');
  // A test's own name ends with its file's; that of a protected folder with the folder.
  if (!test.endsWith('/')) folders.pop();
  const from = folders.findIndex((name) => TEST_FOLDER.test(name));
  if (from < 0) return [];
  return folders.flatMap((_, place) => (place < from ? [] : [folders.slice(0, place + 1).join('/')]));
}
