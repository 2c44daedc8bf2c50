import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type Docker from 'dockerode';
import { extract, type Header } from 'tar-stream';
import { statusOf } from '../docker-errors.js';

const MAX_FILE = 16 * 1024 * 1024;
const MAX_LINKS = 8;

export interface FoundFile {
  /** Where it really is, links followed. */
  readonly path: string;
  readonly header: Header | undefined;
  readonly text: string;
}

export async function hasFile(container: Docker.Container, path: string): Promise<boolean> {
  try {
    const answer = (await container.infoArchive({ path })) as unknown as Readable;
    answer.resume();
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return false;
    throw error;
  }
}

/** A file of a container, an empty one where there is none. */
export async function readFile(container: Docker.Container, name: string): Promise<FoundFile> {
  let path = name;
  for (let links = 0; links < MAX_LINKS; links++) {
    const entry = await firstEntry(container, path);
    if (entry === undefined) break;
    if (entry.header.type === 'file')
      return { path, header: entry.header, text: entry.data.toString('utf8') };
    if (entry.header.type !== 'symlink' || !entry.header.linkname) break;
    path = new URL(entry.header.linkname, `file://${path}`).pathname;
  }
  return { path: name, header: undefined, text: '' };
}

async function firstEntry(
  container: Docker.Container,
  path: string,
): Promise<{ header: Header; data: Buffer } | undefined> {
  let answer: Readable;
  try {
    answer = (await container.getArchive({ path })) as Readable;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
  const archive = extract();
  answer.once('error', (error) => archive.destroy(error));
  answer.pipe(archive);
  try {
    for await (const entry of archive) {
      const header = entry.header;
      if ((header.size ?? 0) > MAX_FILE) throw new Error(`${path} of the image has ${header.size} bytes`);
      return { header, data: await buffer(entry) };
    }
    return undefined;
  } finally {
    answer.destroy();
  }
}
