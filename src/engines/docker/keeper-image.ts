import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import tar from 'tar-stream';
import type { DockerClient } from './docker-client.js';
import { LABEL, type Names } from './names.js';

const DOING = "The service's own image could not be made in Docker.";

/** An image with nothing in it but our init; answers with its id. */
export async function importKeeperImage(
  client: DockerClient,
  names: Names,
  initPath: string,
): Promise<string> {
  const init = await readFile(initPath);
  const tag = `keeper-${createHash('sha256').update(init).digest('hex').slice(0, 12)}`;
  const name = `${names.images}:${tag}`;
  const found = await client.find(DOING, (api) => api.getImage(name).inspect());
  if (found !== undefined) return found.Id;
  const pack = tar.pack();
  for (const folder of ['store', 'cgroup', 'run', 'proc', 'sys', 'dev', 'etc'])
    pack.entry({ name: `${folder}/`, type: 'directory', mode: 0o755 });
  pack.entry({ name: 'codeset-init', mode: 0o755 }, init);
  pack.finalize();
  return client.call(DOING, async (api) => {
    const answer = await api.importImage(Readable.from(pack as AsyncIterable<Buffer>), {
      repo: names.images,
      tag,
      // dockerode makes JSON of a list; the daemon takes lines.
      changes: `LABEL ${LABEL.owner}=${names.owner}\nLABEL ${LABEL.role}=keeper`,
    });
    await new Promise<void>((resolve, reject) =>
      api.modem.followProgress(answer, (error: Error | null) => {
        if (error === null) resolve();
        else reject(error);
      }),
    );
    return (await api.getImage(name).inspect()).Id;
  });
}
