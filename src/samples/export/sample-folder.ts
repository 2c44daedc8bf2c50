import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import type { SampleManifest } from '../../core/sample.js';
import { parseManifest } from '../manifest.js';
import type { MemoryFile } from '../pack.js';
import { ExportError } from './export-error.js';

/** A sample's folder as it was registered, in memory. */
export class SampleFolder {
  readonly manifest: SampleManifest;
  readonly task: string;
  readonly #files: ReadonlyMap<string, MemoryFile>;
  readonly #links: readonly string[];

  private constructor(files: ReadonlyMap<string, MemoryFile>, links: readonly string[]) {
    this.#files = files;
    this.#links = links;
    this.manifest = parseManifest(this.text('sample.yaml'));
    this.task = this.text('task.md');
  }

  /** @param tar read to its end or destroyed */
  static async read(tar: Readable): Promise<SampleFolder> {
    const files = new Map<string, MemoryFile>();
    const links: string[] = [];
    const entries = extract();
    tar.once('error', (error) => entries.destroy(error));
    tar.pipe(entries);
    for await (const entry of entries) {
      const { name, type, mode } = entry.header;
      const path = name.replace(/^(?:\.\/)+/, '');
      if (type === 'file')
        files.set(path, { path, content: await buffer(entry), executable: (mode & 0o111) !== 0 });
      else if (type === 'symlink' || type === 'link') links.push(path);
      if (type !== 'file') entry.resume();
    }
    return new SampleFolder(files, links);
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  /** @throws {ExportError} */
  text(name: string): string {
    const file = this.#files.get(name);
    if (file === undefined) throw new ExportError(`has no ${name}`);
    return Buffer.from(file.content as Uint8Array).toString('utf8');
  }

  /** Files below a folder of it, with paths relative to that. @throws {ExportError} where there is a link among them */
  below(folder: string): MemoryFile[] {
    const prefix = `${folder}/`;
    const link = this.#links.find((name) => name.startsWith(prefix));
    if (link !== undefined)
      throw new ExportError(`holds the link ${link}, which is not exported; put the file in its place`);
    return [...this.#files.values()]
      .filter((file) => file.path.startsWith(prefix))
      .map((file) => ({ ...file, path: file.path.slice(prefix.length) }));
  }
}
