import { PassThrough, Writable } from 'node:stream';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { Cli } from '../../src/cli/context.js';
import { programOf } from '../../src/cli/program.js';
import { cli } from './run-cli.js';

const silent = (): Writable => new Writable({ write: (_data, _encoding, done) => done() });

/** A program that does nothing: what it is told is only understood, or not. */
function idle(): Command {
  const io = {
    stdin: new PassThrough(),
    stdout: silent(),
    stderr: silent(),
    onSignal: () => () => undefined,
  };
  const program = programOf(new Cli(io));
  const still = (command: Command): void => {
    command.action(() => undefined);
    command.commands.forEach(still);
  };
  still(program);
  return program;
}

/** Every command that does something itself, by its path. */
function commandsOf(program: Command, path: readonly string[] = []): readonly (readonly string[])[] {
  return program.commands.flatMap((command) => {
    const here = [...path, command.name()];
    const below = commandsOf(command, here);
    // `eval` does something, and has commands below it.
    return below.length === 0 || here.join(' ') === 'eval' ? [here, ...below] : below;
  });
}

const COMMANDS = commandsOf(idle()).filter(([first]) => first !== 'complete' && first !== 'help');

test.each(COMMANDS.map((path) => [path.join(' ')]))(
  'the help of `codeset %s` has examples that it takes',
  async (path) => {
    const { status, stdout } = await cli([...path.split(' '), '--help']);
    expect(status).toBe(0);
    const [, examples = ''] = stdout.split('\nExamples:\n');
    const lines = examples.split('\n').filter((line) => /^ {2}\S/.test(line));
    expect(lines.length, stdout).toBeGreaterThan(0);
    const own = lines.filter((line) => line.includes(`codeset ${path}`));
    expect(own.length, `none of them is of ${path}`).toBeGreaterThan(0);
    for (const line of lines)
      for (const words of commandLines(line))
        await expect(idle().parseAsync(words, { from: 'user' }), line).resolves.toBeDefined();
  },
);

/** The words of each `codeset …` in a line of a shell, as the shell would give them. */
function commandLines(line: string): readonly (readonly string[])[] {
  return [...line.replace(/ +# .*/, '').matchAll(/codeset ((?:'[^']*'|[^'|<>&#)])*)/g)].map(([, text = '']) =>
    [...text.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? ''),
  );
}

test('lines of help fit into 120 columns', async () => {
  for (const path of COMMANDS) {
    const { stdout } = await cli([...path, '--help']);
    const [, behind = ''] = stdout.split('\nExamples:\n');
    expect(behind.split('\n').filter((line) => line.length > 120)).toEqual([]);
  }
});
