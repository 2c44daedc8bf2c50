import { Readable } from 'node:stream';
import tar from 'tar-stream';
import { CodesetError } from '../../core/errors.js';

const TYPES = new Set(['file', 'contiguous-file', 'directory', 'symlink', 'link', 'fifo']);
/** What GNU tar says when a name is empty after cleaning is the top folder. */
const TOP = '.';

/**
 * An archive of somebody else's as one that a daemon may unpack: no name leads out of the folder or through a link, no
 * devices, none that comes twice save for folders, hard links only to files that came before, folders that are not named
 * made as root's.
 */
export class CheckedArchive {
  readonly #pack = tar.pack();
  readonly #links = new Set<string>();
  readonly #files = new Set<string>();
  readonly #folders = new Set<string>([TOP]);
  readonly #below: string;
  readonly stream: Readable;
  /** Settles when all was read. @throws INVALID_ARCHIVE, or what the source failed with */
  readonly done: Promise<void>;

  /**
   * @param below a folder that all is put into, itself as the archive's top says: a daemon gives no mode and owner to
   * the folder that it unpacks into
   */
  constructor(source: Readable, below = '') {
    this.#below = below === '' ? '' : `${below}/`;
    // Root's inside, whom a daemon may map to another id outside; what the archive says of its top comes after that.
    if (this.#below !== '') this.#pack.entry({ name: this.#below, type: 'directory', mode: 0o755 }, '');
    this.stream = Readable.from(this.#pack as AsyncIterable<Buffer>);
    this.done = this.#copy(source);
    this.done.catch(() => this.#pack.destroy());
  }

  async #copy(source: Readable): Promise<void> {
    const extract = tar.extract();
    let broken: unknown;
    source.once('error', (error) => {
      broken = error;
      extract.destroy(error);
    });
    source.pipe(extract);
    try {
      for await (const entry of extract) await this.#add(entry.header, entry as AsyncIterable<Buffer>);
    } catch (error) {
      source.unpipe(extract);
      extract.destroy();
      if (broken !== undefined) throw broken;
      if (error instanceof CodesetError) throw error;
      throw refused(error instanceof Error ? error.message : String(error));
    }
    this.#pack.finalize();
  }

  async #add(header: tar.Header, content: AsyncIterable<Buffer>): Promise<void> {
    const name = cleaned(header.name);
    const type = header.type === 'contiguous-file' ? 'file' : (header.type ?? 'file');
    if (!TYPES.has(type)) throw refused(`${header.name}: a ${type} is not allowed`);
    this.#addParents(name);
    const linkname = type === 'link' ? cleaned(header.linkname ?? '') : header.linkname;
    if (type === 'link' && !this.#files.has(linkname ?? ''))
      throw refused(`${header.name}: a link to ${header.linkname ?? ''}, which does not come before it`);
    if (name === TOP && type !== 'directory') throw refused('the top is not a folder');
    if (this.#links.has(name) || this.#files.has(name) || (type !== 'directory' && this.#folders.has(name)))
      throw refused(`${header.name}: it comes twice`);
    if (type === 'symlink') this.#links.add(name);
    else if (type === 'directory') this.#folders.add(name);
    else this.#files.add(name);
    await this.#write(
      {
        name: this.#placed(type === 'directory' ? `${name}/` : name),
        type: type as tar.Header['type'],
        mode: header.mode ?? 0o644,
        uid: header.uid ?? 0,
        gid: header.gid ?? 0,
        mtime: header.mtime ?? new Date(0),
        size: type === 'file' ? (header.size ?? 0) : 0,
        ...(type === 'symlink' ? { linkname: linkname ?? '' } : {}),
        ...(type === 'link' ? { linkname: this.#placed(linkname ?? '') } : {}),
      },
      content,
    );
  }

  #placed(name: string): string {
    return this.#below !== '' && name === `${TOP}/` ? this.#below : `${this.#below}${name}`;
  }

  #addParents(name: string): void {
    const parts = name.split('/').slice(0, -1);
    parts.forEach((_, i) => {
      const folder = parts.slice(0, i + 1).join('/');
      if (this.#links.has(folder)) throw refused(`${name}: its folder ${folder} is a symbolic link`);
      if (this.#files.has(folder)) throw refused(`${name}: its folder ${folder} is a file`);
      if (this.#folders.has(folder)) return;
      this.#folders.add(folder);
      this.#pack.entry({ name: this.#placed(`${folder}/`), type: 'directory', mode: 0o755 }, '');
    });
  }

  async #write(
    header: Partial<tar.Header> & Pick<tar.Header, 'name'>,
    content: AsyncIterable<Buffer>,
  ): Promise<void> {
    if (header.type !== 'file' || header.size === 0) {
      this.#pack.entry(header, '');
      for await (const piece of content) void piece;
      return;
    }
    let written: (error?: Error | null) => void = () => undefined;
    const whole = new Promise<void>((resolve, reject) => {
      written = (error) => {
        if (error === undefined || error === null) resolve();
        else reject(error);
      };
    });
    whole.catch(() => undefined);
    const entry = this.#pack.entry(header, (error) => written(error));
    for await (const piece of content) {
      if (!entry.write(piece)) await drained(entry);
    }
    entry.end(undefined);
    await whole;
  }
}

function drained(entry: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (done: () => void) => (): void => {
      entry.removeListener('drain', onDrain);
      entry.removeListener('close', onClose);
      done();
    };
    const onDrain = settle(resolve);
    const onClose = settle(() => reject(new Error('nobody reads the archive any more')));
    entry.once('drain', onDrain);
    entry.once('close', onClose);
  });
}

function cleaned(name: string): string {
  if (name.startsWith('/')) throw refused(`${name}: a name must not begin with a slash`);
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw refused(`${name}: a name must not contain ".."`);
  return parts.length === 0 ? TOP : parts.join('/');
}

function refused(why: string): CodesetError {
  return new CodesetError('invalid-argument', 'INVALID_ARCHIVE', `The archive can't be unpacked: ${why}`);
}
