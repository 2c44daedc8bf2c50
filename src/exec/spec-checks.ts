import { CodesetError, invalidFields } from '../core/errors.js';
import type { ExecSpec } from '../core/exec.js';
import { MAX_PAYLOAD } from './frames.js';

/** The same content gives the same text, whatever the order of the environment. */
export function canonical(spec: ExecSpec): string {
  const { env, ...rest } = spec;
  const fields = Object.entries(rest).filter(([, value]) => value !== undefined);
  return JSON.stringify([fields.sort(byName), Object.entries(env).sort(byName)]);
}

function byName(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
}

/** @throws INVALID_FIELD with every field that is wrong. */
export function checkSpec(spec: ExecSpec): void {
  const violations: { field: string; description: string }[] = [];
  const command = spec.argv ?? [spec.shell ?? ''];
  if (spec.argv?.length === 0) violations.push({ field: 'argv', description: 'must not be empty' });
  if (command.some((word) => word.includes('\0'))) {
    violations.push({
      field: spec.argv === undefined ? 'shell' : 'argv',
      description: 'must not hold a NUL',
    });
  }
  for (const [name, value] of Object.entries(spec.env)) {
    if (name === '' || /[=\0]/.test(name) || value.includes('\0')) {
      violations.push({ field: 'env', description: `"${name}" is no variable that a command can be given` });
    }
  }
  if (spec.cwd.includes('\0')) violations.push({ field: 'cwd', description: 'must not hold a NUL' });
  if (spec.user.includes('\0')) violations.push({ field: 'user', description: 'must not hold a NUL' });
  if (Buffer.byteLength(spec.execId) > 200 || spec.execId.includes('\0')) {
    violations.push({ field: 'exec_id', description: 'must be at most 200 bytes without a NUL' });
  }
  if (violations.length > 0) throw invalidFields(violations);
}

/** @throws TOO_LARGE */
export function requireFits(frame: Buffer): void {
  if (frame.length <= MAX_PAYLOAD) return;
  throw new CodesetError(
    'invalid-argument',
    'TOO_LARGE',
    'Arguments and environment together are over 4 MiB; send large input by stdin or as a file.',
  );
}

/** `cwd` may be relative to `base`, or '' for it. */
export function resolveCwd(base: string, cwd: string): string {
  if (cwd === '') return base;
  return cwd.startsWith('/') ? cwd : `${base.replace(/\/$/, '')}/${cwd}`;
}
