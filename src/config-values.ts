import { isAbsolute, normalize, resolve } from 'node:path';
import { z } from 'zod';

// The shapes that settings have, each read from a flag's or variable's text as well as from YAML.

/** What a schema may need to know of the place where a value was written. */
export interface Origin {
  /** Relative paths start here. */
  readonly folder: string;
}

/** Where the server listens. */
export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

export interface ToolchainFolder {
  readonly path: string;
  readonly bin?: string;
}

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const SIZES: Readonly<Record<string, number>> = {
  '': 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

/** `90s`, `1h30m`, `500ms`. @returns milliseconds, or undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|[smhd]))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) {
    sum += Number(number) * (UNITS[unit ?? ''] ?? 0);
  }
  return Math.round(sum);
}

/** A length of time, more than nothing. */
export const duration = z.string().transform((text, context) => {
  const value = parseDuration(text);
  if (value !== undefined && value > 0) return value;
  context.addIssue({ code: 'custom', message: 'expected a duration such as 30m, 1h30m or 500ms' });
  return z.NEVER;
});

/** A length of time in milliseconds, or 0 for `none`. */
export const durationOrNone = z.union([z.literal('none').transform(() => 0), duration], {
  error: 'expected a duration such as 30m, or none',
});

/** Bytes: `512MiB`, or a plain number. */
export const size = z.union([z.string(), z.number()]).transform((value, context) => {
  const match = /^(\d+(?:\.\d+)?) ?([KMGT]iB|)$/.exec(String(value));
  const bytes = match === null ? Number.NaN : Number(match[1]) * (SIZES[match[2] ?? ''] ?? Number.NaN);
  if (Number.isSafeInteger(Math.round(bytes))) return Math.round(bytes);
  context.addIssue({ code: 'custom', message: 'expected bytes such as 512MiB or 2GiB' });
  return z.NEVER;
});

/** A whole number. */
export function count(min: number, max: number): z.ZodType<number> {
  const error = `expected a whole number from ${min} to ${max}`;
  const text = z.string().regex(/^\d+$/, { error }).transform(Number);
  return z
    .union([z.number(), text], { error })
    .pipe(z.number({ error }).int({ error }).min(min, { error }).max(max, { error }));
}

export const flag = z.union(
  [
    z.boolean(),
    z.enum(['true', '1', 'yes']).transform(() => true),
    z.enum(['false', '0', 'no', '']).transform(() => false),
  ],
  { error: 'expected true or false' },
);

/** Words separated by commas, or a list in YAML. */
export const words = z.union(
  [
    z.array(z.string().min(1)),
    z.string().transform((text) =>
      text
        .split(',')
        .map((word) => word.trim())
        .filter((word) => word !== ''),
    ),
  ],
  { error: 'expected words separated by commas, or a list' },
);

/** One of some words. */
export function choice<const T extends string>(...values: readonly T[]): z.ZodType<T> {
  return z.enum(values, { error: `expected ${values.slice(0, -1).join(', ')} or ${values.at(-1)}` });
}

/** A path, made absolute from where it was written. */
export function path(origin: Origin): z.ZodType<string> {
  return z
    .string({ error: 'expected a path' })
    .min(1, { error: 'expected a path' })
    .transform((text) => resolve(origin.folder, text));
}

/** Any text; what is empty, or `none`, is none. */
export const textOrNone = z
  .string({ error: 'expected a text, or none' })
  .transform((text) => (text === '' || text === 'none' ? undefined : text));

/** A path, made absolute from where it was written, or undefined for `none`. */
export function pathOrNone(origin: Origin): z.ZodType<string | undefined> {
  return z
    .string({ error: 'expected a path, or none' })
    .transform((text) => (text === '' || text === 'none' ? undefined : resolve(origin.folder, text)));
}

/** Where a Docker daemon is asked, as Docker's own DOCKER_HOST. */
export const dockerAddress = z
  .string({ error: 'expected unix:///PATH, tcp://HOST:PORT or https://HOST:PORT' })
  .regex(/^(unix:\/\/\/.+|\/.+|(tcp|http|https):\/\/.+)$/, {
    error:
      'expected unix:///PATH, tcp://HOST:PORT or https://HOST:PORT; for ssh://HOST open a tunnel, as by `ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock HOST`, and name its unix:///tmp/docker.sock',
  });

/** `HOST:PORT` on loopback, or `unix:PATH`. */
export function listenAddress(origin: Origin): z.ZodType<ListenAddress> {
  return z.string({ error: 'expected HOST:PORT or unix:PATH' }).transform((text, context): ListenAddress => {
    if (text.startsWith('unix:')) {
      const socket = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
      if (socket !== '') return { kind: 'unix', path: resolve(origin.folder, socket) };
    }
    const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(text);
    const host = match?.[1] ?? match?.[2];
    const port = Number(match?.[3]);
    if (host === undefined || port > 65_535) {
      context.addIssue({ code: 'custom', message: 'expected HOST:PORT or unix:PATH' });
      return z.NEVER;
    }
    if (!isLoopback(host)) {
      const message = `${host} is not a loopback address; until the service speaks TLS it listens on loopback or a Unix socket only`;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    }
    return { kind: 'tcp', host, port };
  });
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** `sqlite:PATH`; `sqlite:` alone stands for the place in the data folder. */
export function databasePath(origin: Origin): z.ZodType<string | undefined> {
  return z.string({ error: 'expected sqlite:PATH' }).transform((text, context) => {
    if (text.startsWith('sqlite:')) {
      const file = text.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '');
      return file === '' ? undefined : resolve(origin.folder, file);
    }
    const message = /^postgres(ql)?:/.test(text)
      ? 'PostgreSQL is not supported yet; use sqlite:PATH'
      : 'expected sqlite:PATH';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

/** Folders as `PATH` or `PATH:BIN`, separated by commas; in YAML also `{path, bin}`. */
export const toolchainFolders = z
  .union(
    [words, z.array(z.union([z.string(), z.strictObject({ path: z.string(), bin: z.string().optional() })]))],
    {
      error: 'expected folders as PATH or PATH:BIN, separated by commas, or a list',
    },
  )
  .transform((entries, context): readonly ToolchainFolder[] => {
    const folders: ToolchainFolder[] = [];
    for (const entry of entries) {
      const [folder = '', bin] = typeof entry === 'string' ? entry.split(':') : [entry.path, entry.bin];
      const wrong = [folder, bin ?? folder].find((name) => !isAbsolute(name) || normalize(name) !== name);
      if (wrong === undefined) {
        folders.push(bin === undefined ? { path: folder } : { path: folder, bin });
        continue;
      }
      context.addIssue({ code: 'custom', message: `"${wrong}" is not an absolute path` });
      return z.NEVER;
    }
    return folders;
  });

/** The candidate with the fewest edits from `name`, or undefined when all are far. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map((candidate) => ({ candidate, edits: edits(name, candidate) }))
    .sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  return best !== undefined && best.edits <= Math.min(4, Math.max(2, name.length / 3))
    ? best.candidate
    : undefined;
}

function edits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
