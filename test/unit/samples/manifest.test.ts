import { describe, expect, test } from 'vitest';
import { CodesetError } from '../../../src/core/errors.js';
import { MAX_MANIFEST_BYTES, parseEnvironmentFile, parseManifest } from '../../../src/samples/manifest.js';
import { parseDuration, parseSize } from '../../../src/samples/quantities.js';

const FULL = `sample_id: Median-Of-Even-Lists
dataset: examples
description: One line for listings.
language: python
tags: [bugfix]
environment:
  host: {requires: [python3]}
  setup: ["python3 -m venv /opt/venv && /opt/venv/bin/pip install pytest==8.4.2"]
  prepare: ["/opt/venv/bin/pip install -e ."]
  setup_network: public
  network: none
  env: {PYTHONHASHSEED: "0", PATH: "/opt/venv/bin:$PATH"}
  workdir: /workspace
  user: agent
history: squashed
resources: {cpus: 0.5, memory: 512MiB, processes: 64, disk: 1.5GiB}
verification:
  command: ["verification/run", "--fast"]
  timeout: 1m30s
  scope: patch
  grading: swe_bench
  report: {format: junit, paths: [report.xml]}
  remove: ["**/conftest.py"]
  fail_to_pass: ["tests/test_median.py::test_even"]
  pass_to_pass: []
  fail_to_fail: ["tests/test_median.py::test_known"]
  hardening: {keep: ["**/jest.config.js"]}
  canary:
    path: tests/canary_{{nonce}}.py
    content: |
      def test_{{nonce}}(): assert 0
    tests: ["test_{{nonce}}"]
  protected_paths: [tests/]
  feedback: verdict
  max_verifications: 3
`;

const SMALL = 'sample_id: a\ndataset: d\nenvironment: {host: {}}\n';

function refusals(text: string): string[] {
  try {
    parseManifest(text);
  } catch (error) {
    if (!(error instanceof CodesetError)) throw error;
    expect(error).toMatchObject({ kind: 'invalid-argument', reason: 'INVALID_MANIFEST' });
    return error.violations.map(({ field, description }) => `${field} ${description}`);
  }
  throw new Error('the manifest was accepted');
}

describe('a manifest', () => {
  test('with every field is read whole', () => {
    expect(parseManifest(FULL)).toEqual({
      sampleId: 'median-of-even-lists',
      sourceId: 'Median-Of-Even-Lists',
      dataset: 'examples',
      description: 'One line for listings.',
      language: 'python',
      tags: ['bugfix'],
      environment: {
        host: { requires: ['python3'] },
        setup: ['python3 -m venv /opt/venv && /opt/venv/bin/pip install pytest==8.4.2'],
        prepare: ['/opt/venv/bin/pip install -e .'],
        setupNetwork: 'public',
        network: 'none',
        env: { PYTHONHASHSEED: '0', PATH: '/opt/venv/bin:$PATH' },
        workdir: '/workspace',
        user: 'agent',
      },
      history: 'squashed',
      resources: { cpus: 0.5, memoryBytes: 512 * 1024 ** 2, processes: 64, diskBytes: 1.5 * 1024 ** 3 },
      verification: {
        command: ['verification/run', '--fast'],
        timeoutMs: 90_000,
        scope: 'PATCH',
        grading: 'SWE_BENCH',
        network: 'none',
        report: { format: 'junit', paths: ['report.xml'] },
        remove: ['**/conftest.py'],
        failToPass: ['tests/test_median.py::test_even'],
        passToPass: [],
        failToFail: ['tests/test_median.py::test_known'],
        protectedPaths: ['tests/'],
        keep: ['**/jest.config.js'],
        canary: {
          path: 'tests/canary_{{nonce}}.py',
          content: 'def test_{{nonce}}(): assert 0\n',
          tests: ['test_{{nonce}}'],
        },
        feedback: 'VERDICT',
        maxVerifications: 3,
      },
      codebase: undefined,
    });
  });

  test('that says little has every default', () => {
    expect(parseManifest(SMALL)).toMatchObject({
      sourceId: 'a',
      environment: { host: { requires: [] }, user: 'agent', workdir: '/workspace', network: 'none' },
      history: 'past',
      resources: { cpus: 1, memoryBytes: 1024 ** 3, processes: 256, diskBytes: 2 * 1024 ** 3 },
      verification: { grading: 'EXIT_CODE', scope: 'WORKSPACE', timeoutMs: 300_000, report: undefined },
    });
    const listed = parseManifest(`${SMALL}verification: {fail_to_pass: [t]}\n`);
    expect(listed.verification).toMatchObject({
      grading: 'ALL_LISTED',
      scope: 'WORKSPACE',
      report: { paths: ['**/*.xml'] },
    });
    for (const [format, paths] of [
      ['tap', ['**/*.tap']],
      ['go-json', ['**/*.json', '**/*.jsonl']],
    ] as const) {
      const { report } = parseManifest(`${SMALL}verification: {report: {format: ${format}}}\n`).verification;
      expect(report).toEqual({ format, paths });
    }
    const several = parseManifest(`${SMALL}verification: {report: {paths: ["a/*.xml", b.xml]}}\n`);
    expect(several.verification.report).toEqual({ format: 'junit', paths: ['a/*.xml', 'b.xml'] });
    const reward = parseManifest(`${SMALL}verification: {grading: reward_file}\n`).verification;
    expect(reward).toMatchObject({ grading: 'REWARD_FILE', report: undefined, failToPass: [] });
    const bench = parseManifest(`${SMALL}verification: {fail_to_pass: [t], grading: swe_bench}\n`);
    expect(bench.verification.scope).toBe('PATCH');
  });

  test('with several mistakes is refused with all of them, each with its line and field', () => {
    expect(
      refusals(`sample_id: "-bad id"
dataset: d
discription: typo
environment:
  host: {requires: [python3, "a b"]}
  netwrok: none
  user: bob
resources:
  memory: lots
  cpus: 0
  disk: 1GiB
verification:
  command: ["../run"]
  timeout: 5 minutes
  scope: workspce
  protected_paths: [tests/, ../etc, /abs]
`),
    ).toEqual([
      'sample.yaml:1: sample_id expected letters, digits, ".", "_" and "-", beginning with a letter or digit, at most 128, found "-bad id"',
      'sample.yaml:3: discription is not a known field; did you mean description?',
      'sample.yaml:5: environment.host.requires[1] expected the name of a program, found "a b"',
      'sample.yaml:6: environment.netwrok is not a known field; did you mean network?',
      'sample.yaml:7: environment.user expected agent or root: a host environment has no other users',
      'sample.yaml:9: resources.memory expected a size such as 512MiB, from 16MiB to 16TiB, found "lots"',
      'sample.yaml:10: resources.cpus expected a number from 0.1 to 256, found the number 0',
      'sample.yaml:13: verification.command expected a first word that is a path under verification/ or an absolute one',
      'sample.yaml:14: verification.timeout expected a duration such as 90s or 5m, from 1s to 24h, found "5 minutes"',
      'sample.yaml:15: verification.scope expected patch or workspace or filesystem, found "workspce"; did you mean workspace?',
      'sample.yaml:16: verification.protected_paths[1] expected a path inside of the codebase, without a leading "/" and without "..", found "../etc"',
      'sample.yaml:16: verification.protected_paths[2] expected a path inside of the codebase, without a leading "/" and without "..", found "/abs"',
    ]);
  });

  test('without what it must have is refused', () => {
    const missing = refusals('description: x\n').map((refusal) => refusal.split(/;|, expected/)[0]);
    expect(missing.sort()).toEqual([
      'sample.yaml:1: dataset is missing',
      'sample.yaml:1: environment is missing',
      'sample.yaml:1: sample_id is missing',
    ]);
    expect(refusals('sample_id: a\ndataset: d\nenvironment: {}\n')).toEqual([
      'sample.yaml:3: environment expected at least one of host, image, dockerfile',
    ]);
  });

  test.each([
    ['feedback: some', /expected none or verdict or full/],
    ['max_verifications: 0', /expected a whole number from 1 to 1000000; leave it out for no limit/],
    ['max_verifications: 1.5', /expected a whole number/],
  ])('with %s in its verification is refused', (line, why) => {
    expect(refusals(`${SMALL}verification:\n  ${line}\n`)[0]).toMatch(why);
  });

  test('that only lists tests that fail, or one test in two lists, is refused', () => {
    expect(refusals(`${SMALL}verification: {fail_to_fail: [t]}\n`)).toEqual([
      'sample.yaml:4: verification.fail_to_fail expected tests in fail_to_pass or pass_to_pass beside it, which have to pass',
    ]);
    expect(refusals(`${SMALL}verification: {fail_to_pass: [t], fail_to_fail: [t]}\n`)).toEqual([
      'sample.yaml:4: verification.fail_to_fail names "t" that fail_to_pass has already; list each test once',
    ]);
  });

  test.each([['network: allowlist', 'network', /allowlist is not supported yet/]])(
    'that asks for %s is told that it is not there yet',
    (line, field, why) => {
      const [refusal] = refusals(`${SMALL}verification:\n  ${line}\n`);
      expect(refusal).toMatch(new RegExp(`^sample\\.yaml:5: verification\\.${field.replace('.', '\\.')} `));
      expect(refusal).toMatch(why);
    },
  );

  test.each([
    ['sample_id: a\n  dataset: d\n', 1, /YAML/],
    ['sample_id: a\nsample_id: b\n', 2, /unique/],
    ['sample_id: a\ndataset: "d\n', 3, /YAML/],
    ['- sample_id\n', 1, /expected a mapping/],
    ['', 1, /expected a mapping/],
    ['just text', 1, /expected a mapping/],
    ['sample_id: a\ndataset: !!js/function "x"\nenvironment: {host: {}}\n', 2, /tag/],
  ])('that is no good YAML is refused with its line: %j', (text, line, why) => {
    const [first] = refusals(text);
    expect(first).toMatch(new RegExp(`^sample\\.yaml:${line}`));
    expect(first).toMatch(why);
  });

  test('with anchors and aliases is refused, also a bomb of them', () => {
    const bomb = Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`).join('\n');
    const found = refusals(`${SMALL}tags: &t [x]\na0: &a0 [x]\n${bomb}\nlanguage: *t\n`);
    expect(found.join('\n')).toMatch(
      /language expected one word, found an alias, which is not supported here/,
    );
  });

  test('nested very deep is refused', () => {
    expect(refusals(`${SMALL}tags: ${'['.repeat(20_000)}${']'.repeat(20_000)}\n`).length).toBeGreaterThan(0);
  });

  test('that is too large is refused before it is parsed', () => {
    expect(() => parseManifest('#'.repeat(MAX_MANIFEST_BYTES + 1))).toThrow(/larger than/);
  });

  test('whose lists grade by nothing, or name a test twice, is refused', () => {
    expect(refusals(`${SMALL}verification: {grading: all_listed}\n`)[0]).toMatch(/at least one test/);
    expect(refusals(`${SMALL}verification: {fail_to_pass: [t], pass_to_pass: [t]}\n`)[0]).toMatch(
      /pass_to_pass names "t" that fail_to_pass has already/,
    );
  });

  test('with env that only the service may set, or a value that is no text, is refused', () => {
    const found = refusals(
      'sample_id: a\ndataset: d\nenvironment:\n  host: {}\n  env:\n    CODESET_X: "1"\n    N: 0\n',
    );
    expect(found).toEqual([
      'sample.yaml:6: environment.env.CODESET_X is no name that can be used here',
      'sample.yaml:7: environment.env.N expected a text, found the number 0; put it in quotes',
    ]);
  });

  test('with a commit that is cut is refused', () => {
    expect(refusals(`${SMALL}codebase: {git: repo, commit: abc123}\n`)).toEqual([
      'sample.yaml:4: codebase.commit expected a whole commit id of 40 (or 64) lower-case hex digits, found "abc123"',
    ]);
  });

  test('with fields named like those of every object is not fooled', () => {
    expect(refusals(`${SMALL}constructor: x\n__proto__: y\nverification: {toString: 1}\n`)).toHaveLength(3);
  });
});

describe('an environment file', () => {
  const block = 'host: {requires: [python3]}\nsetup: [make]\n';

  test('is the block alone, or under its name beside resources', () => {
    expect(parseEnvironmentFile(block, 'e.yaml').environment).toMatchObject({ setup: ['make'] });
    const named = parseEnvironmentFile('environment: {host: {}}\nresources: {cpus: 2}\n', 'e.yaml');
    expect(named).toMatchObject({ environment: { host: { requires: [] } }, resources: { cpus: 2 } });
  });

  test('with mistakes is refused under its own name', () => {
    expect(() => parseEnvironmentFile('host: {}\nsetpu: [x]\n', 'e.yaml')).toThrow(
      'e.yaml:2: setpu: is not a known field; did you mean setup?',
    );
  });
});

describe('quantities', () => {
  test.each([
    ['1GiB', 1024 ** 3],
    ['1.5 MiB', 1.5 * 1024 ** 2],
    ['2GB', 2e9],
    ['4096', 4096],
    ['1gib', undefined],
    ['-1GiB', undefined],
    ['1GiB ', undefined],
    ['999999999999999TiB', undefined],
  ])('size %s', (text, bytes) => expect(parseSize(text)).toBe(bytes));

  test.each([
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['250ms', 250],
    ['1.5s', 1500],
    ['5', undefined],
    ['', undefined],
    ['5 m', undefined],
    ['m', undefined],
  ])('duration %s', (text, ms) => expect(parseDuration(text)).toBe(ms));
});

test("the image's own workdir and a Dockerfile's own folder are for images alone", () => {
  const head = 'sample_id: a\ndataset: d\n';
  const own = 'environment: {dockerfile: env/Dockerfile, context: env/, workdir: image}\n';
  expect(parseManifest(head + own).environment).toMatchObject({
    dockerfile: 'env/Dockerfile',
    context: 'env',
    workdir: 'image',
  });
  expect(refusals(`${head}environment: {host: {}, workdir: image}\n`)).toEqual([
    'sample.yaml:3: environment.workdir expected an absolute path: there is no image whose workdir it could be',
  ]);
  expect(refusals(`${head}environment: {dockerfile: Dockerfile, context: env}\n`)).toEqual([
    'sample.yaml:3: environment.context expected a folder that the dockerfile lies in, which is built with it',
  ]);
});
