import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import type { SampleManifest } from '../../core/sample.js';
import { parseManifest } from '../manifest.js';
import { MemoryFolder } from '../memory-folder.js';
import type { MemoryFile } from '../pack.js';
import { ExportError } from './export-error.js';

/** A sample's folder as it was registered, in memory. */
export class SampleFolder extends MemoryFolder {
  readonly manifest: SampleManifest;
  readonly task: string;
  readonly #links: readonly string[];

  private constructor(files: ReadonlyMap<string, MemoryFile>, links: readonly string[]) {
    super(files);
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

  protected problem(text: string): ExportError {
    return new ExportError(text);
  }

  /** @throws {ExportError} where there is a link among them */
  override below(folder: string): MemoryFile[] {
    const link = this.#links.find((name) => name.startsWith(`${folder}/`));
    if (link !== undefined)
      throw new ExportError(`holds the link ${link}, which is not exported; put the file in its place`);
    return super.below(folder);
  }
}
