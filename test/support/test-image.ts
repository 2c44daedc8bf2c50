import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import type Docker from 'dockerode';
import { TEST_IMAGE, canMakeTestImage } from '../../scripts/lib/test-image.mjs';

/** Debian with bash, coreutils, python3, git, attr, procps, iproute2, gcc and pytest; root and no agent. */
export { TEST_IMAGE };

const SCRIPT = resolve(import.meta.dirname, '../../scripts/test-image.mjs');
const DOCKERFILE = `FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends \\
  attr bash coreutils gcc git iproute2 libc6-dev procps python3 python3-pytest
`;

/** Sees to it that a daemon has the test image. @throws Error that says what is missing. */
export async function ensureTestImage(api: Docker): Promise<void> {
  const there = await api
    .getImage(TEST_IMAGE)
    .inspect()
    .then(
      () => true,
      (error: unknown) => {
        if ((error as { statusCode?: number }).statusCode === 404) return false;
        throw error;
      },
    );
  if (there) return;
  const reasons = [];
  if (canMakeTestImage()) {
    try {
      return await importArchive(api);
    } catch (error) {
      reasons.push(String(error));
    }
  } else {
    reasons.push('mmdebstrap is not installed (Debian: apt-get install mmdebstrap)');
  }
  try {
    await buildFromRegistry(api);
  } catch (error) {
    reasons.push(`debian:bookworm-slim could not be built upon: ${String(error)}`);
    throw new Error(`The image of the Docker tests can't be made: ${reasons.join('; ')}.`, { cause: error });
  }
}

async function importArchive(api: Docker): Promise<void> {
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT]);
  const archive = stdout.trim().split('\n').at(-1) ?? '';
  const [repo = '', tag = ''] = TEST_IMAGE.split(':');
  const options = { repo, tag, changes: 'CMD bash' };
  // Its types know only the form with a callback.
  const progress = (await api.importImage(createReadStream(archive), options)) as unknown;
  await finished(api, progress as NodeJS.ReadableStream);
}

/** Where mmdebstrap is not to be had: by the registry that the daemon reaches. */
async function buildFromRegistry(api: Docker): Promise<void> {
  const { pack } = await import('tar-stream');
  const context = pack();
  context.entry({ name: 'Dockerfile' }, DOCKERFILE);
  context.finalize();
  await finished(api, await api.buildImage(context as unknown as NodeJS.ReadableStream, { t: TEST_IMAGE }));
}

/** Awaits a stream of progress. @throws Error with the daemon's words. */
function finished(api: Docker, stream: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve, reject) => {
    api.modem.followProgress(stream, (error: Error | null, events: readonly { error?: string }[]) => {
      const words = error?.message ?? events.find((event) => event.error !== undefined)?.error;
      if (words === undefined) resolve();
      else reject(new Error(words));
    });
  });
}
