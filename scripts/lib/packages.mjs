// npm packages by the lock file, and the one native build among them.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { realpathSync } from 'node:fs';
import { Failure, capture, root, which } from './process.mjs';

/** The npm that runs us, else the one on PATH. */
function npm(args, env = {}) {
  const script = process.env.npm_execpath;
  const options = { env: { ...process.env, ...env } };
  if (script !== undefined && /npm-cli\.c?js$/.test(script) && existsSync(script)) {
    return capture(process.execPath, [script, ...args], options);
  }
  return capture('npm', args, options);
}

/** Whether node_modules holds exactly what the lock file names, as npm itself noted it there. */
export function packagesInstalled() {
  const wanted = readJson('package-lock.json')?.packages;
  const installed = readJson('node_modules/.package-lock.json')?.packages;
  if (wanted === undefined || installed === undefined) return false;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '') continue;
    const found = installed[path];
    // Optional packages for other platforms are not installed.
    if (found === undefined ? entry.optional !== true : found.version !== entry.version) return false;
    if (found !== undefined && !existsSync(join(root, path, 'package.json'))) return false;
  }
  return Object.keys(installed).every((path) => path in wanted);
}

export async function installPackages() {
  // No install scripts: ssh2 and cpu-features would compile for minutes what nobody here calls.
  const { status, output } = await npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
  if (status !== 0) throw new Failure(`${output}\nset-up: npm ci failed; its words are above.`);
}

/** Whether better-sqlite3's binary is there and fits this Node. */
export async function nativeBuilt() {
  const code = "new (require('better-sqlite3'))(':memory:').close()";
  return (await capture(process.execPath, ['-e', code])).status === 0;
}

export async function buildNative() {
  const env = { JOBS: 'max', ...(await nodeHeaders()) };
  const { status, output } = await npm(['rebuild', '--ignore-scripts=false', 'better-sqlite3'], env);
  if (status !== 0 || !(await nativeBuilt())) {
    const missing = ['python3', 'make', 'c++'].filter((program) => which(program) === undefined);
    const hint = missing.length === 0 ? '' : ` Building it needs ${missing.join(', ')}, not found here.`;
    throw new Failure(`${output}\nset-up: better-sqlite3 could not be built.${hint}`);
  }
}

/**
 * node-gyp downloads Node's headers unless told where they are. Where Node brought its own and nobody chose
 * another place, they are taken, so that the build needs no download.
 */
async function nodeHeaders() {
  if (process.env.npm_config_nodedir !== undefined) return {};
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  try {
    const header = readFileSync(join(prefix, 'include', 'node', 'node_version.h'), 'utf8');
    const major = /#define NODE_MAJOR_VERSION (\d+)/.exec(header)?.[1];
    if (major !== process.versions.node.split('.')[0]) return {};
  } catch {
    return {};
  }
  const { status, output } = await npm(['config', 'get', 'nodedir', '--loglevel=error']);
  const chosen = status === 0 ? output.trim().split('\n').at(-1) : '';
  return chosen === '' || chosen === 'undefined' || chosen === 'null' ? { npm_config_nodedir: prefix } : {};
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8'));
  } catch {
    return undefined;
  }
}
