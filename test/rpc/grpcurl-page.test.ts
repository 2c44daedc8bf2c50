import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packFolder } from '../../src/samples/pack.js';
import { DOCKER_START_MS } from '../support/docker.js';
import { engineHere } from '../support/engine-here.js';
import { grpcurlHere, toolHere } from '../support/parts-missing.js';
import { register, startService, type TestService } from '../support/service.js';
import { standInFor } from '../support/stand-in.js';
import { TEST_IMAGE } from '../support/test-image.js';

const ROOT = resolve(import.meta.dirname, '../..');
const grpcurl = grpcurlHere();
const ghz = toolHere('ghz');

const page = readFileSync(join(ROOT, 'docs/grpcurl.md'), 'utf8');
const sections = page.split(/^(?=## )/m);
const [preamble = ''] = sections;
const ofGhz = sections.filter((section) => section.startsWith('## ghz'));

interface Outcome {
  /** With what all of them wrote to stderr. */
  readonly call: string;
  readonly printed: string;
  readonly expected: RegExp;
}

describe.skipIf(grpcurl === undefined)('docs/grpcurl.md (skipped without grpcurl)', () => {
  let service: TestService;

  beforeAll(async () => {
    if (engineHere() === 'docker') await standInFor('python:3.13-slim');
    service = await startService();
    await register(
      service.admin,
      packFolder(join(ROOT, 'samples/examples/median-of-even-lists')) as AsyncIterable<Buffer>,
    );
  }, DOCKER_START_MS);

  afterAll(async () => {
    await service?.[Symbol.asyncDispose]();
  });

  /** Runs the calls of a text one after another in one shell. */
  async function outcomes(part: string): Promise<readonly Outcome[]> {
    const blocks = [...part.matchAll(/^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?/gms)];
    const between = '=== the next block ===';
    const script = blocks.map(([, lines = '']) => `${callsHere(lines)}echo '${between}'\n`).join('');
    const folders = [grpcurl, ghz].flatMap((tool) => (tool === undefined ? [] : [dirname(tool)]));
    const child = spawn('bash', ['-c', script], {
      env: {
        ...process.env,
        PATH: [...folders, join(ROOT, 'node_modules/.bin'), process.env['PATH']].join(':'),
        CODESET_ADDRESS: service.address,
        CODESET_API_KEY: service.adminKey,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const printed = stdout.split(`${between}\n`);
    return blocks.map(([, lines = '', prints = ''], i) => ({
      call: `${lines}${stderr}`,
      printed: plain(printed[i] ?? 'the shell ended before this'),
      expected: pattern(prints),
    }));
  }

  test('every call with grpcurl and buf curl prints what the page says', { timeout: 120_000 }, async () => {
    const others = sections.filter((section) => !ofGhz.includes(section)).join('');
    for (const { call, printed, expected } of await outcomes(others)) expect(printed, call).toMatch(expected);
  });

  test.skipIf(ghz === undefined)('so does every call with ghz', { timeout: 120_000 }, async () => {
    expect(ofGhz).toHaveLength(1);
    for (const { call, printed, expected } of await outcomes(preamble + ofGhz.join('')))
      expect(printed, call).toMatch(expected);
  });

  test('no call ends without words on what it prints', () => {
    const calls = [...page.matchAll(/^```sh\n(.*?)^```\n\n(```text)?/gms)];
    expect(calls.length).toBeGreaterThan(12);
    const silent = calls.filter(
      ([, lines = '', prints]) => prints === undefined && !lines.startsWith('server='),
    );
    expect(silent.map(([block]) => block)).toEqual([]);
  });
});

/** Where there is only Docker, what names the host's toolchain gets an image beside. */
function callsHere(lines: string): string {
  if (engineHere() === 'local') return lines;
  return lines.replaceAll('"environment": {"host"', `"environment": {"image": "${TEST_IMAGE}", "host"`);
}

/** Tabs and the spaces at the ends of lines are the tools' whims. */
function plain(printed: string): string {
  return printed.replaceAll('\t', '    ').replaceAll(/ +$/gm, '').trimEnd();
}

/** What a block of the page stands for: `…` is anything. */
function pattern(prints: string): RegExp {
  const parts = plain(prints).split(/\s*…\s*/);
  const escaped = parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${escaped.join('[^]*')}$`);
}
