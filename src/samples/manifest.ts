import { CodesetError, invalidFields } from '../core/errors.js';
import {
  DEFAULT_RESOURCES,
  type Environment,
  IMAGE_WORKDIR,
  RESOURCE_RANGES,
  type Resources,
  WORKSPACE,
} from '../core/environment.js';
import {
  DEFAULT_REPORT_PATHS,
  type Grading,
  type SampleManifest,
  type VerificationSpec,
} from '../core/sample.js';
import { canaryOf } from './canary.js';
import { parseDuration, parseSize } from './quantities.js';
import { readYaml, type TextRule, type YamlSection } from './yaml-section.js';

/** Bytes. Lists of expected tests of large projects take some hundred kilobytes. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** What sample ids and dataset names look like. */
export const ID_PATTERN = /^[a-z0-9][a-z0-9._-]{0,127}$/;
const ID_EXPECTED = 'letters, digits, ".", "_" and "-", beginning with a letter or digit, at most 128';

const LINE: TextRule = { maxLength: 1000, pattern: /^[^\n\r]*$/, expected: 'one line of text' };
const COMMAND: TextRule = { maxLength: 64 * 1024, pattern: /\S/, expected: 'a command' };
const PATH: TextRule = {
  maxLength: 1024,
  // No leading slash, and no `..` as a whole name.
  pattern: /^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))[^\n\r]+$/,
  expected: 'a path inside of the codebase, without a leading "/" and without ".."',
};

const LATER = 'is not supported yet';

/**
 * Reads sample.yaml with every default filled in.
 *
 * @param file the name that mistakes are reported under.
 * @throws {CodesetError} INVALID_MANIFEST with one violation per mistake: file, line, field, what was expected.
 */
export function parseManifest(text: string, file = 'sample.yaml'): SampleManifest {
  checkLength(text, file);
  const { root, problems } = readYaml(text, file);
  const manifest = root === undefined ? undefined : manifestOf(root);
  if (manifest === undefined || problems.violations.length > 0)
    throw invalidFields(problems.violations, 'INVALID_MANIFEST');
  return manifest;
}

/**
 * Reads a file that holds an environment block alone: its fields at the top, or under `environment:` beside
 * `resources:`.
 * @throws {CodesetError} INVALID_MANIFEST, as `parseManifest`.
 */
export function parseEnvironmentFile(
  text: string,
  file: string,
): { readonly environment: Environment; readonly resources: Resources } {
  checkLength(text, file);
  const { root, problems } = readYaml(text, file);
  let environment: Environment | undefined;
  let resources = DEFAULT_RESOURCES;
  if (root?.has('environment') === true) {
    const section = root.section('environment');
    if (section !== undefined) environment = environmentOf(section);
    resources = resourcesOf(root.section('resources'));
    root.finish();
  } else if (root !== undefined) {
    environment = environmentOf(root);
  }
  if (environment === undefined || problems.violations.length > 0)
    throw invalidFields(problems.violations, 'INVALID_MANIFEST');
  return { environment, resources };
}

function checkLength(text: string, file: string): void {
  if (Buffer.byteLength(text) > MAX_MANIFEST_BYTES)
    throw new CodesetError(
      'invalid-argument',
      'INVALID_MANIFEST',
      `${file} is larger than ${MAX_MANIFEST_BYTES} bytes; expected tests that many belong in several samples.`,
    );
}

function manifestOf(root: YamlSection): SampleManifest {
  const spelled = root.requiredText('sample_id', {
    maxLength: 128,
    pattern: new RegExp(ID_PATTERN.source, 'i'),
    expected: ID_EXPECTED,
  });
  const codebase = root.section('codebase');
  const environment = root.section('environment');
  if (environment === undefined && !root.has('environment'))
    root.problem('environment', 'is missing; expected host, image or dockerfile in it');
  const manifest: SampleManifest = {
    sampleId: spelled.toLowerCase(),
    sourceId: root.text('source_id', { ...LINE, maxLength: 256 }, spelled),
    dataset: root.requiredText('dataset', { maxLength: 128, pattern: ID_PATTERN, expected: ID_EXPECTED }),
    description: root.text('description', LINE, ''),
    language: root.text('language', { maxLength: 64, pattern: /^[\w.+#-]+$/, expected: 'one word' }, ''),
    tags: root.texts(
      'tags',
      { maxItems: 64, maxLength: 64, pattern: /^[\w.+#:-]+$/, expected: 'one word' },
      [],
    ),
    environment: environment === undefined ? EMPTY_ENVIRONMENT : environmentOf(environment),
    history: root.choice('history', ['past', 'squashed'], 'past'),
    resources: resourcesOf(root.section('resources')),
    verification: verificationOf(root),
    codebase: codebase === undefined ? undefined : codebaseOf(codebase),
  };
  root.finish();
  return manifest;
}

function codebaseOf(section: YamlSection): { git: string; commit: string } {
  const codebase = {
    git: section.requiredText('git', { ...LINE, maxLength: 1024, expected: 'a repository or a bundle' }),
    commit: section.requiredText('commit', {
      maxLength: 64,
      pattern: /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/,
      expected: 'a whole commit id of 40 (or 64) lower-case hex digits',
    }),
  };
  section.finish();
  return codebase;
}

const EMPTY_ENVIRONMENT: Environment = {
  setup: [],
  prepare: [],
  setupNetwork: 'none',
  network: 'none',
  env: {},
  workdir: WORKSPACE,
  user: 'agent',
};

const NETWORK_LATER = { allowlist: `allowlist ${LATER}; use none or public` };

function environmentOf(section: YamlSection): Environment {
  const host = section.section('host');
  const requires = host?.texts(
    'requires',
    { maxItems: 64, maxLength: 64, pattern: /^[\w.+-]+$/, expected: 'the name of a program' },
    [],
  );
  host?.finish();
  const image = section.text(
    'image',
    { maxLength: 512, pattern: /^[a-zA-Z0-9][\w./:@-]*$/, expected: 'the name of an image' },
    '',
  );
  const dockerfile = section.text('dockerfile', PATH, '');
  const context = section.text('context', PATH, '').replace(/\/+$/, '');
  if (context !== '' && !dockerfile.startsWith(`${context}/`))
    section.problem('context', 'expected a folder that the dockerfile lies in, which is built with it');
  if (!section.has('host') && !section.has('image') && !section.has('dockerfile'))
    section.problem('', 'expected at least one of host, image, dockerfile');
  const network = section.choice('network', ['none', 'public'], 'none', NETWORK_LATER);
  const environment: Environment = {
    ...(requires === undefined ? {} : { host: { requires } }),
    ...(image === '' ? {} : { image }),
    ...(dockerfile === '' ? {} : { dockerfile }),
    ...(context === '' ? {} : { context }),
    setup: section.texts('setup', { ...COMMAND, maxItems: 100 }, []),
    prepare: section.texts('prepare', { ...COMMAND, maxItems: 100 }, []),
    setupNetwork: section.choice('setup_network', ['none', 'public'], 'none', NETWORK_LATER),
    network,
    env: section.record('env', /^(?!CODESET_)[A-Za-z_][A-Za-z0-9_]{0,127}$/, {
      maxItems: 256,
      maxLength: 32 * 1024,
    }),
    workdir: section.text(
      'workdir',
      {
        maxLength: 1024,
        pattern: /^(?:image$|\/(?!(?:.*\/)?\.\.(?:\/|$))[^\n\r]*$)/,
        expected: 'an absolute path without "..", or image for what the image has',
      },
      WORKSPACE,
    ),
    user: section.text(
      'user',
      { maxLength: 32, pattern: /^[a-z_][a-z0-9_-]*$/, expected: 'the name of a user' },
      'agent',
    ),
  };
  if (environment.workdir === IMAGE_WORKDIR && environment.image === undefined && dockerfile === '')
    section.problem('workdir', 'expected an absolute path: there is no image whose workdir it could be');
  const builtIn = environment.user === 'agent' || environment.user === 'root';
  if (environment.host !== undefined && !builtIn)
    section.problem('user', 'expected agent or root: a host environment has no other users');
  section.finish({ allow: `${LATER}; use network: none or public` });
  return environment;
}

function resourcesOf(section: YamlSection | undefined): Resources {
  if (section === undefined) return DEFAULT_RESOURCES;
  const bytes = (key: string, fallback: number): number =>
    section.quantity(
      key,
      {
        expected: 'a size such as 512MiB, from 16MiB to 16TiB',
        ...RESOURCE_RANGES.memoryBytes,
        whole: true,
        parse: parseSize,
      },
      fallback,
    );
  const resources: Resources = {
    cpus: section.quantity(
      'cpus',
      { expected: 'a number from 0.1 to 256', ...RESOURCE_RANGES.cpus, whole: false },
      DEFAULT_RESOURCES.cpus,
    ),
    memoryBytes: bytes('memory', DEFAULT_RESOURCES.memoryBytes),
    processes: section.quantity(
      'processes',
      { expected: 'a whole number from 8 to 65536', ...RESOURCE_RANGES.processes, whole: true },
      DEFAULT_RESOURCES.processes,
    ),
    diskBytes: bytes('disk', DEFAULT_RESOURCES.diskBytes),
  };
  section.finish();
  return resources;
}

const GRADINGS = {
  exit_code: 'EXIT_CODE',
  all_listed: 'ALL_LISTED',
  swe_bench: 'SWE_BENCH',
  reward_file: 'REWARD_FILE',
} as const;

const SCOPE = { patch: 'PATCH', workspace: 'WORKSPACE', filesystem: 'FILESYSTEM' } as const;
const FEEDBACK = { none: 'NONE', verdict: 'VERDICT', full: 'FULL' } as const;

const TEST_NAMES = { maxItems: 100_000, maxLength: 4096, pattern: /\S/, expected: 'the name of a test' };
const GLOB = { maxItems: 100, ...PATH, expected: 'a glob without a leading "/" and without ".."' };

function verificationOf(root: YamlSection): VerificationSpec {
  const section = root.section('verification');
  if (section === undefined) {
    return {
      command: ['verification/run'],
      timeoutMs: 5 * 60_000,
      scope: 'WORKSPACE',
      grading: 'EXIT_CODE',
      network: 'none',
      report: undefined,
      remove: [],
      failToPass: [],
      passToPass: [],
      failToFail: [],
      protectedPaths: [],
      keep: [],
      canary: undefined,
      feedback: 'FULL',
      maxVerifications: 0,
    };
  }
  const failToPass = section.texts('fail_to_pass', TEST_NAMES, []);
  const passToPass = section.texts('pass_to_pass', TEST_NAMES, []);
  const failToFail = section.texts('fail_to_fail', TEST_NAMES, []);
  const listed = failToPass.length + passToPass.length > 0;
  const grading: Grading =
    GRADINGS[
      section.choice(
        'grading',
        ['exit_code', 'all_listed', 'swe_bench', 'reward_file'],
        listed ? 'all_listed' : 'exit_code',
      )
    ];
  if ((grading === 'ALL_LISTED' || grading === 'SWE_BENCH') && !listed)
    section.problem('grading', 'expected at least one test in fail_to_pass or pass_to_pass to grade by');
  if (failToFail.length > 0 && !listed)
    section.problem(
      'fail_to_fail',
      'expected tests in fail_to_pass or pass_to_pass beside it, which have to pass',
    );
  checkLists(section, { fail_to_pass: failToPass, pass_to_pass: passToPass, fail_to_fail: failToFail });

  const scope = section.choice(
    'scope',
    ['patch', 'workspace', 'filesystem'],
    grading === 'SWE_BENCH' ? 'patch' : 'workspace',
  );
  const command = section.texts('command', { maxItems: 256, maxLength: 4096 }, ['verification/run']);
  const first = command[0] ?? '';
  if (!first.startsWith('/') && !/^verification\/(?!(?:.*\/)?\.\.(?:\/|$))./.test(first))
    section.problem('command', 'expected a first word that is a path under verification/ or an absolute one');
  const spec: VerificationSpec = {
    command,
    timeoutMs: section.quantity(
      'timeout',
      {
        expected: 'a duration such as 90s or 5m, from 1s to 24h',
        min: 1000,
        max: 86_400_000,
        whole: true,
        parse: parseDuration,
      },
      5 * 60_000,
    ),
    scope: SCOPE[scope],
    grading,
    network: section.choice('network', ['none', 'public'], 'none', NETWORK_LATER),
    report: reportOf(section, grading === 'EXIT_CODE' || !listed),
    remove: section.texts('remove', GLOB, []),
    failToPass,
    passToPass,
    failToFail,
    protectedPaths: section.texts('protected_paths', { maxItems: 10_000, ...PATH }, []),
    keep: keepOf(section),
    canary: canaryOf(section, PATH),
    feedback: FEEDBACK[section.choice('feedback', ['none', 'verdict', 'full'], 'full')],
    maxVerifications: section.quantity(
      'max_verifications',
      {
        expected: 'a whole number from 1 to 1000000; leave it out for no limit',
        min: 1,
        max: 1_000_000,
        whole: true,
      },
      0,
    ),
  };
  if (spec.canary !== undefined && grading !== 'ALL_LISTED' && grading !== 'SWE_BENCH')
    section.problem(
      'canary',
      'expected grading all_listed or swe_bench beside it: a canary is looked for in reports',
    );
  section.finish({
    reward_file: 'is no field; say grading: reward_file, and have the script write reward.json or reward.txt',
    canaries: 'is no field; say canary: {runner: …}',
  });
  return spec;
}

function keepOf(verification: YamlSection): readonly string[] {
  const section = verification.section('hardening');
  if (section === undefined) return [];
  const keep = section.texts('keep', GLOB, []);
  section.finish();
  return keep;
}

/** @param needless nothing asks for a report, so that there is none unless the sample names it. */
function reportOf(section: YamlSection, needless: boolean): VerificationSpec['report'] {
  const report = section.section('report');
  if (report === undefined)
    return needless ? undefined : { format: 'junit', paths: DEFAULT_REPORT_PATHS.junit };
  const format = report.choice('format', ['junit', 'tap', 'go-json'], 'junit');
  const paths = report.texts('paths', GLOB, DEFAULT_REPORT_PATHS[format]);
  report.finish();
  return { format, paths };
}

function checkLists(section: YamlSection, lists: Readonly<Record<string, readonly string[]>>): void {
  const seen = new Map<string, string>();
  for (const [list, names] of Object.entries(lists)) {
    for (const name of names) {
      const earlier = seen.get(name);
      if (earlier !== undefined)
        section.problem(
          list,
          `names ${JSON.stringify(name.slice(0, 200))} that ${earlier} has already; list each test once`,
        );
      seen.set(name, list);
    }
  }
}
