// The layers of docs/architecture and the README, as rules over what each file of src/ imports.

export interface SourceFile {
  /** From the checkout: `src/core/ids.ts`. */
  readonly path: string;
  readonly text: string;
}

interface Imported {
  /** `src/core/ids.ts`, `gen/…`, or undefined for a package. */
  readonly file?: string;
  /** `kysely`, `@grpc/grpc-js`, `node:fs`. */
  readonly package?: string;
}

/** What the files of each folder may import of this checkout, besides themselves. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  engines: ['core'],
  exec: ['core'],
  storage: ['core'],
  samples: ['core'],
  grading: ['core'],
  cheats: ['core'],
  transport: ['core', 'gen'],
  client: ['gen'],
  eval: ['client'],
  mcp: ['client'],
  config: [],
  log: ['core', 'config'],
  app: ['core', 'engines', 'exec', 'storage', 'samples', 'grading', 'cheats', 'transport', 'config', 'log'],
  cli: ['app', 'client', 'eval', 'mcp', 'config', 'core', 'samples', 'storage', 'engines'],
  demo: ['app', 'client', 'config', 'core', 'log', 'samples', 'cli'],
};

// Core takes formats of plain data, and nothing that stands for a technology.
const CORE_PACKAGES = /^(node:.*|tar-stream)$/;

/** Packages that only some folders may name. */
const OWNED: readonly { readonly packages: RegExp; readonly owners: readonly string[] }[] = [
  { packages: /^(kysely|better-sqlite3|pg)$/, owners: ['src/storage/'] },
  { packages: /^dockerode$/, owners: ['src/engines/docker/'] },
  { packages: /^(nice-grpc.*|@grpc\/.*|@bufbuild\/.*)$/, owners: ['src/transport/', 'src/client/'] },
  { packages: /^commander$/, owners: ['src/cli/'] },
  { packages: /^@modelcontextprotocol\//, owners: ['src/mcp/'] },
];

/** Every breach of the layers, a sentence each. */
export function layerBreaches(files: readonly SourceFile[]): readonly string[] {
  return [...files.flatMap(breachesOf), ...cycles(files)];
}

function breachesOf(file: SourceFile): readonly string[] {
  const breaches: string[] = [];
  const from = layerOf(file.path);
  const allowed = MAY_IMPORT[from];
  if (allowed === undefined) return [`${file.path}: the folder "${from}" has no place in the layers`];
  for (const imported of importsOf(file)) {
    if (imported.file !== undefined) {
      const to = layerOf(imported.file);
      if (to !== from && !allowed.includes(to)) breaches.push(`${file.path}: ${from} must not import ${to}`);
    } else if (imported.package !== undefined) {
      const name = imported.package;
      const rule = OWNED.find((owned) => owned.packages.test(name));
      if (rule !== undefined && !rule.owners.some((owner) => file.path.startsWith(owner))) {
        breaches.push(`${file.path}: only ${rule.owners.join(' and ')} may import ${name}`);
      }
      if (from === 'core' && !CORE_PACKAGES.test(name))
        breaches.push(`${file.path}: core must not import ${name}`);
      if (/^(node:)?process$/.test(name) && from !== 'config') {
        breaches.push(`${file.path}: only src/config.ts imports process`);
      }
    }
  }
  if (
    file.path !== 'src/config.ts' &&
    /\bprocess\s*(\?\.|\.)\s*env\b|\bprocess\s*\[|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b/.test(code(file.text))
  ) {
    breaches.push(`${file.path}: only src/config.ts reads process.env`);
  }
  return breaches;
}

/** Folders, and files within src/, must not import each other in a circle. */
function cycles(files: readonly SourceFile[]): readonly string[] {
  const folders = new Map<string, Set<string>>();
  const modules = new Map<string, Set<string>>();
  for (const file of files) {
    for (const { file: target } of importsOf(file)) {
      if (target === undefined) continue;
      edge(modules, file.path, target);
      if (folderOf(file.path) !== folderOf(target)) edge(folders, folderOf(file.path), folderOf(target));
    }
  }
  return [...circles(folders), ...circles(modules)];
}

function edge(graph: Map<string, Set<string>>, from: string, to: string): void {
  const targets = graph.get(from) ?? new Set<string>();
  graph.set(from, targets.add(to));
}

function circles(graph: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (node: string): void => {
    const at = trail.indexOf(node);
    if (at >= 0) found.push(`a circle of imports: ${[...trail.slice(at), node].join(' → ')}`);
    if (at >= 0 || done.has(node)) return;
    trail.push(node);
    for (const next of graph.get(node) ?? []) visit(next);
    trail.pop();
    done.add(node);
  };
  for (const node of graph.keys()) visit(node);
  return found;
}

/** `src/engines/local/x.ts` → `engines`, `src/config-values.ts` → `config`; other files of src/ itself wire: `app`. */
function layerOf(path: string): string {
  const [top = '', second = ''] = path.split('/');
  if (top !== 'src') return top;
  if (path.split('/').length > 2) return second;
  return second.startsWith('config') ? 'config' : second === 'log.ts' ? 'log' : 'app';
}

/** A folder of src/ with all below it, each engine apart; files of src/ itself stand for themselves. */
function folderOf(path: string): string {
  const names = path.split('/');
  return names.slice(0, names[1] === 'engines' && names.length > 3 ? 3 : 2).join('/');
}

export function importsOf(file: SourceFile): readonly Imported[] {
  // Statements stand at the beginning of a line, as Prettier writes them; `import()` anywhere.
  const pattern =
    /^\s*(?:import|export)\b[^'"`;()]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\s*\(\s*['"`]([^'"`]+)['"`]|\brequire\s*\(\s*['"]([^'"]+)['"]/gm;
  return [...code(file.text).matchAll(pattern)].map((match) => {
    const specifier = match[1] ?? match[2] ?? match[3] ?? match[4] ?? '';
    if (specifier.startsWith('.')) return { file: resolved(file.path, specifier) };
    const names = specifier.split('/');
    return { package: specifier.startsWith('@') ? names.slice(0, 2).join('/') : (names[0] ?? '') };
  });
}

function resolved(from: string, specifier: string): string {
  const parts = from.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/').replace(/\.js$/, '.ts');
}

/** Without whole-line and block comments, which may speak of imports. */
function code(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}
