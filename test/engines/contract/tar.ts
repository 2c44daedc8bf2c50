import { Readable } from 'node:stream';
import tar from 'tar-stream';

export interface TarEntry {
  readonly name: string;
  readonly type?: 'file' | 'directory' | 'symlink' | 'link' | 'character-device' | 'fifo';
  readonly linkname?: string;
  readonly uid?: number;
  readonly mode?: number;
  readonly content?: string;
}

/** Entries belong to the agent unless they say otherwise. */
export function tarOf(entries: readonly TarEntry[]): Readable {
  const pack = tar.pack();
  for (const entry of entries) {
    const { content = '', uid = 1000, type = 'file', ...rest } = entry;
    pack.entry({ ...rest, type, uid, gid: uid, mtime: new Date(0) }, type === 'file' ? content : '');
  }
  pack.finalize();
  return Readable.from(pack as AsyncIterable<Buffer>);
}
