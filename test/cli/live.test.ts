import { Writable } from 'node:stream';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Stage } from '../../gen/codeset/v1/sample.js';
import type { CommandContext } from '../../src/cli/context.js';
import { LiveLines } from '../../src/cli/live/live-lines.js';
import { Progress, sizeText } from '../../src/cli/live/progress.js';
import { Output } from '../../src/cli/output.js';

const BACK = (lines: number): string => `\u001b[${lines}A\u001b[J`;

/** A terminal of 40 columns and 6 rows, or a file. */
function screen(isTTY: boolean) {
  const writes: string[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      writes.push(text);
      done();
    },
  });
  return { writes, stream: Object.assign(stream, { isTTY, columns: 40, rows: 6 }) };
}

function contextOn(isTTY: boolean, json = false) {
  const { writes, stream } = screen(isTTY);
  const colour = { stdout: false, stderr: false };
  const out = new Output({ stdout: stream, stderr: stream, json, colour });
  const context = { io: { stderr: stream }, watched: isTTY, config: { noColor: true }, out };
  return { writes, out, context: context as unknown as CommandContext };
}

function clockStands(): void {
  vi.useFakeTimers();
  onTestFinished(() => {
    vi.useRealTimers();
  });
}

test('lines at the foot are drawn again in one piece, lines that stay go above them', () => {
  clockStands();
  const { writes, stream } = screen(true);
  let foot = ['one', 'two'];
  const lines = new LiveLines(stream, { colour: false }, () => foot);
  lines.draw();
  lines.say('stays');
  foot = ['three'];
  vi.advanceTimersByTime(250);
  lines.clear();
  lines.clear();
  lines[Symbol.dispose]();
  vi.advanceTimersByTime(1000);
  expect(writes).toEqual(['one\ntwo\n', `${BACK(2)}stays\none\ntwo\n`, `${BACK(2)}three\n`, BACK(1)]);
});

test('what is longer than the screen is wide or high is cut, and nobody else steers the terminal', () => {
  clockStands();
  const { writes, stream } = screen(true);
  using lines = new LiveLines(stream, { colour: true }, () =>
    Array.from({ length: 20 }, (_, i) => `${i} ${'long '.repeat(20)}`),
  );
  lines.draw();
  const drawn = writes.join('').trimEnd().split('\n');
  expect(drawn.map((line) => [...line].length)).toEqual([39, 39, 39, 39, 39]);
  writes.length = 0;
  lines.say('a\u001b[2Jb\u0007');
  expect(writes[0]).toContain('a�[2Jb�\n');
  writes.length = 0;
  lines.say(`${'word '.repeat(20)}end`);
  expect(writes[0]).toContain('word end\n');
  lines.sayBriefly(`${'word '.repeat(20)}end`);
  expect(writes[1]).toMatch(/…\n/);
});

test('where there is no terminal only what stays is written', () => {
  const { writes, stream } = screen(false);
  const lines = new LiveLines(stream, { colour: false }, () => ['foot']);
  lines.draw();
  lines.say('one');
  lines.sayBriefly('two '.repeat(30));
  lines[Symbol.dispose]();
  expect(writes).toEqual(['one\n', `${'two '.repeat(30)}\n`]);
});

test('progress shows what moves with a bar and a rate, and what does not with its time', () => {
  clockStands();
  const { writes, context } = contextOn(true);
  const progress = new Progress(context, 3);
  progress.at('first', 'is packed');
  vi.advanceTimersByTime(2000);
  expect(writes.at(-1)).toMatch(/░{20} 0\/3 {2}2\.0s\nfirst {2}2\.0s {2}is packed\n$/);
  const event = { time: undefined, stage: Stage.IMAGE, message: 'layer 1\rlayer 2\n' };
  progress.end('first');
  progress.stage('b', { ...event, doneBytes: 0n, totalBytes: 4_194_304n });
  vi.advanceTimersByTime(1000);
  progress.stage('b', { ...event, doneBytes: 2_097_152n, totalBytes: 4_194_304n });
  vi.advanceTimersByTime(250);
  const [head, row] = (writes.at(-1) ?? '').split('\n').slice(-3);
  expect(head).toMatch(/█{6}░{14} 1\/3/);
  expect(row).toMatch(/^b {2}█{10}░{10} 2\.0 MiB of/);
  progress[Symbol.dispose]();
});

test('an answer is written above what is drawn, and not through it', () => {
  clockStands();
  const { writes, context, out } = contextOn(true);
  const progress = new Progress(context);
  progress.at('x', 'works');
  vi.advanceTimersByTime(250);
  writes.length = 0;
  out.line('answer');
  out.note('note');
  expect(writes).toEqual([BACK(1), 'answer\n', 'note\n']);
  progress[Symbol.dispose]();
  out.line('more');
  expect(writes.at(-1)).toBe('more\n');
});

test('into a file, and with --json, there is no progress', () => {
  for (const { writes, context } of [contextOn(false), contextOn(true, true)]) {
    const progress = new Progress(context, 5);
    progress.at('x', 'works');
    progress.say('line');
    progress.end('x');
    progress[Symbol.dispose]();
    expect(writes).toEqual([]);
  }
});

test('sizes read as people write them', () => {
  expect([0, 1023, 1024, 1_572_864, 5 * 1024 ** 4].map(sizeText)).toEqual([
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 MiB',
    '5.0 TiB',
  ]);
});
