import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract, type Header, pack } from 'tar-stream';
import { CodesetError, failedPrecondition } from '../../../core/errors.js';
import { ignoredBy } from './docker-ignore.js';

/** A sample's files as a build gets them. */
export interface BuildContext {
  /** Hex; the same files, whatever their times and order, give the same. */
  readonly digest: string;
  /** Text of the Dockerfile. */
  readonly dockerfile: string;
  /** @param dockerfile what the build reads in place of the sample's own, at `dockerfilePath` */
  tar(dockerfile: string): Readable;
  /** A name in the tar that none of the sample's files has. */
  readonly dockerfilePath: string;
}

const IGNORE_FILE = '.dockerignore';
/** What tests and the solution are made of is no business of an image that agents work in. */
const HIDDEN = /^(verification|solution)(\/|$)/;

/**
 * Reads the context of a build whole, without what is hidden from agents and what its .dockerignore leaves out.
 * @param files the sample's folder as a tar
 * @param path the Dockerfile's, in it
 * @param maxBytes of all files together
 * @param under the folder of it that the build sees, the Dockerfile in it; '' for all
 * @throws {CodesetError} ENVIRONMENT_UNMET without the Dockerfile, TOO_LARGE
 */
export async function readBuildContext(
  files: Readable,
  path: string,
  maxBytes: number,
  under = '',
): Promise<BuildContext> {
  const top = under === '' ? '' : `${posix.normalize(under).replace(/\/+$/, '')}/`;
  const entries = new Map<string, { header: Header; data: Buffer }>();
  const archive = extract();
  files.once('error', (error) => archive.destroy(error));
  files.pipe(archive);
  let bytes = 0;
  try {
    for await (const entry of archive) {
      const { header } = entry;
      const name = posix.normalize(header.name).replace(/^\/+|\/+$/g, '');
      bytes += 512 + (header.size ?? 0);
      if (bytes > maxBytes) {
        throw new CodesetError(
          'resource-exhausted',
          'TOO_LARGE',
          `The sample's files are larger than ${Math.floor(maxBytes / 1024 ** 2)} MiB, too large for building its Dockerfile: fetch large files in the Dockerfile, or put them in an image.`,
        );
      }
      const outside = name === '.' || name === '..' || name.startsWith('../') || HIDDEN.test(name);
      if (!outside && name.startsWith(top) && name !== top)
        entries.set(name.slice(top.length), { header, data: await buffer(entry) });
      else entry.resume();
    }
  } finally {
    files.destroy();
  }
  const place = posix.normalize(path);
  const wanted = place.startsWith(top) ? place.slice(top.length) : '';
  const found = entries.get(wanted);
  if (found === undefined || found.header.type !== 'file') {
    throw failedPrecondition(
      'ENVIRONMENT_UNMET',
      `The sample names the Dockerfile ${JSON.stringify(path)}, and there is no such file in its folder${HIDDEN.test(place) ? ' that agents may see: verification/ and solution/ are hidden' : ''}.`,
    );
  }
  const ignores = entries.get(IGNORE_FILE);
  const ignored = ignoredBy(ignores?.header.type === 'file' ? ignores.data.toString('utf8') : '');
  for (const name of [...entries.keys()]) if (ignored(name)) entries.delete(name);
  const sorted = [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash('sha256').update(`${wanted}\0`).update(found.data);
  for (const [name, { header, data }] of sorted) {
    const facts = [name, header.type, modeOf(header), header.linkname ?? '', data.length];
    hash.update(`${JSON.stringify(facts)}\n`).update(data);
  }
  const dockerfilePath = freeName(entries);
  return {
    digest: hash.digest('hex'),
    dockerfile: found.data.toString('utf8'),
    dockerfilePath,
    tar: (dockerfile) => Readable.from(tarOf(sorted, dockerfilePath, dockerfile)),
  };
}

async function* tarOf(
  entries: readonly (readonly [string, { header: Header; data: Buffer }])[],
  dockerfilePath: string,
  dockerfile: string,
): AsyncGenerator<Buffer> {
  const archive = pack();
  const mtime = new Date(0);
  archive.entry({ name: dockerfilePath, mtime, mode: 0o644 }, dockerfile);
  for (const [name, { header, data }] of entries) {
    const { linkname, type } = header;
    const shared = { name, mtime, mode: modeOf(header), uid: 0, gid: 0 };
    if (type === 'file' || type === 'contiguous-file')
      archive.entry({ ...shared, type: 'file', size: data.length }, data);
    else if (type === 'directory') archive.entry({ ...shared, type });
    else if ((type === 'symlink' || type === 'link') && typeof linkname === 'string')
      archive.entry({ ...shared, type, linkname });
  }
  archive.finalize();
  yield* archive as AsyncIterable<Buffer>;
}

function modeOf(header: Header): number {
  return (header.mode ?? 0o644) & 0o777;
}

function freeName(entries: ReadonlyMap<string, unknown>): string {
  let name = '.codeset-dockerfile';
  while (entries.has(name)) name += '-';
  return name;
}
