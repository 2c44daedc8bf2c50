import type { MemoryFile } from './pack.js';

/** The files of one folder in memory; paths are relative to it. */
export abstract class MemoryFolder {
  readonly #files: ReadonlyMap<string, MemoryFile>;

  protected constructor(files: ReadonlyMap<string, MemoryFile>) {
    this.#files = files;
  }

  /** What is thrown for a file that is missing: `has no task.md`. */
  protected abstract problem(text: string): Error;

  has(name: string): boolean {
    return this.#files.has(name);
  }

  /** @throws what `problem` makes */
  text(name: string): string {
    const file = this.#files.get(name);
    if (file === undefined) throw this.problem(`has no ${name}`);
    return Buffer.from(file.content as Uint8Array).toString('utf8');
  }

  /** Those below a folder of it, with paths relative to that; all for ''. */
  below(folder: string): MemoryFile[] {
    const prefix = folder === '' ? '' : `${folder}/`;
    return [...this.#files.values()]
      .filter((file) => file.path.startsWith(prefix))
      .map((file) => ({ ...file, path: file.path.slice(prefix.length) }));
  }
}
