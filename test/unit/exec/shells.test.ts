import { expect, test } from 'vitest';
import { programOf, Shells } from '../../../src/exec/shells.js';
import { command } from './init-process.js';

const defaults = { env: { PATH: '/bin' }, cwd: '/workspace', user: 'agent' };
const spec = command(['cd', '/x'], { shellName: 'main', user: 'agent', execId: 'e' });

test('a command without a shell is its own program', () => {
  const program = programOf(command(['true'], { cwd: '/a', env: { A: '1' } }), {
    defaults,
    secretEnv: { A: 'secret' },
  });
  expect(program).toEqual({
    argv: ['true'],
    orShell: false,
    env: { PATH: '/bin', A: 'secret' },
    cwd: '/a',
    turn: '',
  });
});

test('a command of a shell is handed to the applet, its own variables apart from the session’s', () => {
  const program = programOf(
    { ...spec, env: { B: '2', S: 'weaker' }, cwd: '/there' },
    { defaults, secretEnv: { S: 's' } },
  );
  const turn = 'shell/main/agent';
  const options = ['--mark', turn, '--word', '--start-in', '/workspace', '--cd', '/there', '--env', 'B=2'];
  expect(program).toEqual({
    argv: ['/run/codeset/init', 'in-shell', 'main', ...options, '--', 'cd', '/x'],
    orShell: false,
    env: { PATH: '/bin', S: 's' },
    cwd: '/there',
    turn,
  });
  const line = programOf({ ...spec, argv: undefined, shell: '-- x' }, { defaults, secretEnv: {} });
  expect(line.argv.slice(-2)).toEqual(['--line', '-- x']);
  expect(line.cwd).toBe('/');
});

test('a loss is told once: with the command that ended the shell, or with the one that found it gone', () => {
  const shells = new Shells();
  expect(shells.ended(spec, { kept: true, fresh: true })).toBe(false);
  expect(shells.ended(spec, { kept: true, fresh: false })).toBe(false);
  expect(shells.ended(spec, { kept: true, fresh: true })).toBe(true);
  expect(shells.ended(spec, { kept: true, fresh: false })).toBe(false);
  expect(shells.ended(spec, { kept: false, fresh: false })).toBe(true);
  expect(shells.ended(spec, { kept: true, fresh: true })).toBe(false);
  expect(shells.ended(spec, undefined)).toBe(false);
  const other = { ...spec, user: 'root' };
  expect(shells.ended(other, { kept: true, fresh: true })).toBe(false);
});

test('shells of an earlier life of the service are known', () => {
  const shells = new Shells();
  const exit = {
    reason: 'EXITED' as const,
    code: 0,
    signal: undefined,
    message: '',
    cpuTimeUs: 0,
    peakMemoryBytes: 0,
    shellReset: false,
  };
  shells.restore(spec, exit, true);
  expect(shells.ended(spec, { kept: true, fresh: true })).toBe(true);
  shells.restore(spec, { ...exit, shellReset: true }, true);
  expect(shells.ended(spec, { kept: true, fresh: true })).toBe(false);
});
