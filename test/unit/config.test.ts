import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ConfigError, loadClientConfig, loadServerConfig, type ConfigSources } from '../../src/config.js';

const folder = mkdtempSync(join(tmpdir(), 'codeset-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(content: string): string {
  const name = join(folder, 'codeset.yaml');
  writeFileSync(name, content);
  return name;
}

function refusal(sources: ConfigSources): string {
  try {
    loadServerConfig({ env: {}, ...sources });
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('the settings were taken');
}

test('without any settings the defaults hold', () => {
  const config = loadServerConfig({ env: { HOME: '/home/a' } });
  expect(config.listen).toEqual({ kind: 'tcp', host: '127.0.0.1', port: 50051 });
  expect(config.defaultTtl).toBe(30 * 60_000);
  expect(config.defaultIdleTimeout).toBe(0);
  expect(config.insecureNoAuth).toBe(false);
  expect(config.databaseUrl).toBe(join(config.dataDir, 'codeset.db'));
});

test('a flag wins over the environment, and that over the file', () => {
  const config = file('max_sessions: 1\nmax_verifications: 1\ndefault_ttl: 1m\n');
  const env = { CODESET_MAX_SESSIONS: '2', CODESET_MAX_VERIFICATIONS: '2', CODESET_CONFIG: config };
  const loaded = loadServerConfig({ env, flags: { maxSessions: '3', dataDir: undefined } });
  expect([loaded.maxSessions, loaded.maxVerifications, loaded.defaultTtl]).toEqual([3, 2, 60_000]);
});

test('the file is YAML, with numbers, lists and durations as people write them', () => {
  const config = file(
    'max_ttl: 1h30m\ndisk_reserve: 1.5GiB\nruntimes: [runc]\ndefault_idle_timeout: none\ninsecure_no_auth: true\n' +
      'toolchain_paths: [/opt/a, {path: /opt/b, bin: /opt/b/bin}]\nhost_id_base: 2000000\n',
  );
  const loaded = loadServerConfig({ env: {}, flags: { config } });
  expect(loaded.maxTtl).toBe(5_400_000);
  expect(loaded.diskReserve).toBe(1.5 * 1024 ** 3);
  expect(loaded.runtimes).toEqual(['runc']);
  expect(loaded.insecureNoAuth).toBe(true);
  expect(loaded.toolchainPaths).toEqual([{ path: '/opt/a' }, { path: '/opt/b', bin: '/opt/b/bin' }]);
  expect(loaded.hostIdBase).toBe(2_000_000);
});

test('relative paths start at the file that has them, or at the working directory', () => {
  const config = file('data_dir: data\n');
  expect(loadServerConfig({ env: {}, flags: { config }, cwd: '/elsewhere' }).dataDir).toBe(
    join(folder, 'data'),
  );
  expect(loadServerConfig({ env: { CODESET_DATA_DIR: 'data' }, cwd: '/elsewhere' }).dataDir).toBe(
    '/elsewhere/data',
  );
});

test('the settings cannot be changed afterwards', () => {
  const config = loadServerConfig({ env: {} });
  expect(Object.isFrozen(config)).toBe(true);
  expect(Object.isFrozen(config.listen)).toBe(true);
  expect(Object.isFrozen(config.runtimes)).toBe(true);
});

test('an unknown setting is refused with the nearest known one', () => {
  expect(refusal({ env: { CODESET_MAX_SESSION: '3' } })).toBe(
    'CODESET_MAX_SESSION: there is no such setting. Did you mean CODESET_MAX_SESSIONS?',
  );
  const config = file('max_ttll: 3h\n');
  expect(refusal({ flags: { config } })).toBe(
    `${config}: max_ttll: there is no such setting. Did you mean max_ttl?`,
  );
  expect(refusal({ flags: { lisen: ':1' } })).toContain('Did you mean --listen?');
  expect(refusal({ env: { CODESET_QWERTYUIOP: '1' } })).toContain('See docs/configuration.md.');
});

test('variables of clients, of sandboxes and of tests are no settings of the server', () => {
  const env = {
    CODESET_API_KEY: 'k',
    CODESET_SESSION_ID: 's',
    CODESET_TEST_FULL: '1',
    CODESET_REPORT_DIR: '/r',
  };
  expect(() => loadServerConfig({ env })).not.toThrow();
});

test.each([
  ['0.0.0.0:50051', 'loopback'],
  ['192.168.1.5:1', 'loopback'],
  ['example.org:1', 'loopback'],
  ['[::]:1', 'loopback'],
  ['127.0.0.1', 'HOST:PORT'],
  ['127.0.0.1:70000', 'HOST:PORT'],
  ['unix:', 'HOST:PORT'],
])('listening on %s is refused', (listen, why) => {
  expect(refusal({ flags: { listen } })).toContain(why);
});

test.each([
  ['localhost:0', { kind: 'tcp', host: 'localhost', port: 0 }],
  ['[::1]:7', { kind: 'tcp', host: '::1', port: 7 }],
  ['127.8.9.1:7', { kind: 'tcp', host: '127.8.9.1', port: 7 }],
  ['unix:/tmp/a.sock', { kind: 'unix', path: '/tmp/a.sock' }],
  ['unix:///tmp/a.sock', { kind: 'unix', path: '/tmp/a.sock' }],
  ['unix:a.sock', { kind: 'unix', path: '/here/a.sock' }],
])('listening on %s is taken', (listen, expected) => {
  expect(loadServerConfig({ env: {}, flags: { listen }, cwd: '/here' }).listen).toEqual(expected);
});

test.each([
  ['maxTtl', '30', 'a duration such as'],
  ['maxTtl', '0s', 'a duration such as'],
  ['maxTtl', '1m30', 'a duration such as'],
  ['defaultIdleTimeout', 'never', 'or none'],
  ['diskReserve', '4MB', 'bytes such as'],
  ['maxSessions', '0', 'a whole number from 1 to 100000'],
  ['maxSessions', '1e3', 'a whole number'],
  ['engine', 'podman', 'auto, local or docker'],
  ['insecureNoAuth', 'maybe', 'true or false'],
  ['toolchainPaths', 'opt/go', 'not an absolute path'],
  ['toolchainPaths', '/opt/../etc', 'not an absolute path'],
  ['databaseUrl', 'postgres://localhost/codeset', 'PostgreSQL is not supported yet; use sqlite:PATH'],
  ['databaseUrl', 'mysql:x', 'expected sqlite:PATH'],
])('%s %s is refused', (name, value, why) => {
  expect(refusal({ flags: { [name]: value } })).toContain(why);
});

test('a wrong value names the place where it was set', () => {
  expect(refusal({ env: { CODESET_MAX_TTL: 'x' } })).toMatch(/^CODESET_MAX_TTL: expected/);
  const config = file('max_ttl: [1]\n');
  expect(refusal({ flags: { config } })).toContain(`${config}: max_ttl: `);
});

test('a default time to live beyond the longest is refused', () => {
  expect(refusal({ flags: { maxTtl: '1m' } })).toBe('--default-ttl is longer than --max-ttl.');
});

test('a file that is not there, not YAML or no mapping is refused by name', () => {
  expect(refusal({ flags: { config: '/nowhere/c.yaml' } })).toContain('/nowhere/c.yaml: ');
  expect(refusal({ flags: { config: file('a: [') } })).toContain('codeset.yaml: ');
  expect(refusal({ flags: { config: file('- a\n') } })).toContain('one `name: value` a line');
});

test('only variables that are set are passed to sandboxes', () => {
  const env = { https_proxy: 'http://p:1', SECRET: 'x' };
  expect(loadServerConfig({ env }).passEnv).toEqual({ https_proxy: 'http://p:1' });
});

test('a client takes address and key from flags, then from the environment', () => {
  const env = { CODESET_ADDRESS: 'localhost:1', CODESET_API_KEY: 'k', CODESET_DATA_DIR: '/d' };
  expect(loadClientConfig({ env, flags: { address: 'localhost:2' } })).toEqual({
    address: 'localhost:2',
    apiKey: 'k',
    dataDir: '/d',
    noColor: false,
    env,
  });
  expect(loadClientConfig({ env: { NO_COLOR: '1' } })).toMatchObject({
    address: '127.0.0.1:50051',
    apiKey: undefined,
    noColor: true,
  });
});
