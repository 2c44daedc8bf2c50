import { pipeline, Readable } from 'node:stream';
import { extract, pack } from 'tar-stream';

/** At the top of a sample's folder; nothing of them may get into an image that agents stand in. */
const HIDDEN: ReadonlySet<string> = new Set(['verification', 'solution', 'sample.yaml']);

/** A sample's archive without what is hidden. It ends with an error where the archive does. */
export function visibleFiles(archive: Readable): Readable {
  const entries = extract();
  const visible = pack();
  entries.on('entry', (header, content, next) => {
    const top = header.name.replace(/^(?:\.\/)+/, '').split('/')[0] ?? '';
    if (HIDDEN.has(top)) {
      content.on('end', next);
      content.resume();
      return;
    }
    content.pipe(visible.entry(header, next));
  });
  entries.on('finish', () => visible.finalize());
  pipeline(archive, entries, (error) => {
    if (error) visible.destroy(error);
  });
  visible.on('close', () => archive.destroy());
  return Readable.from(visible, { objectMode: false });
}
