import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type Docker from 'dockerode';
import { pack } from 'tar-stream';
import { AGENT_UID, type GroundImage } from '../../../core/environment.js';
import { CodesetError, failedPrecondition } from '../../../core/errors.js';
import type { DockerClient } from '../docker-client.js';
import { statusOf } from '../docker-errors.js';
import { type FoundFile, hasFile, readFile } from './container-files.js';
import { daemonEvents, failureIn } from './json-lines.js';
import { LABEL } from '../names.js';
import { GROUND_LABEL, ownLabels, ownRepository, ownTag } from './names.js';
import { AGENT_HOME, type PasswdEntry, passwdEntries, withAgentGroup, withAgentUser } from './passwd.js';

/** Part of the tag: what is made in another way is another image. */
const MAKING = 'ground 2';

/**
 * Makes the images that containers are started from: the sample's image with the user `agent` in it, and without
 * what an image says about how it is run (entry point, command, user, health check, volumes). Nothing of the image
 * runs for that: files go in and out as archives.
 */
export class GroundImages {
  readonly #client: DockerClient;
  readonly #owner: string;

  constructor(client: DockerClient, owner: string) {
    this.#client = client;
    this.#owner = owner;
  }

  /** @returns the id of the ground image that is there for it */
  async find(imageId: string): Promise<string | undefined> {
    const name = `${ownRepository(this.#owner)}:${this.#tag(imageId)}`;
    const found = await this.#client.find('Docker could not say whether an image is there.', (api) =>
      api.getImage(name).inspect(),
    );
    return found?.Id;
  }

  /** @returns its id. On failure nothing of it stays. */
  async make(imageId: string): Promise<string> {
    return this.#client.call('The image for sandboxes could not be made.', async (api) => {
      const bare = await this.#withoutVolumes(api, imageId);
      try {
        return await this.#withAgent(api, bare, imageId);
      } catch (error) {
        if (bare !== imageId) await removeQuietly(api, bare);
        throw error;
      }
    });
  }

  /** The users that an image has, in the order of /etc/passwd. @param imageId of an image that is there */
  async users(imageId: string): Promise<readonly PasswdEntry[]> {
    return this.#client.call("The image's users could not be read.", (api) =>
      this.#inContainer(api, imageId, async (container) => {
        const passwd = await readFile(container, '/etc/passwd');
        return passwdEntries(passwd.text);
      }),
    );
  }

  async #withAgent(api: Docker, bare: string, source: string): Promise<string> {
    return this.#inContainer(api, bare, async (container) => {
      const shell = (await hasFile(container, '/bin/bash')) ? '/bin/bash' : '/bin/sh';
      const passwd = await readFile(container, '/etc/passwd');
      const group = await readFile(container, '/etc/group');
      const archive = pack();
      const root = 'root:x:0:0:root:/root:/bin/sh\n';
      const newPasswd = withAgentUser(passwd.header === undefined ? root : passwd.text, shell);
      if (newPasswd !== undefined) addFile(archive, passwd, newPasswd);
      const newGroup = withAgentGroup(group.header === undefined ? 'root:x:0:\n' : group.text);
      if (newGroup !== undefined) addFile(archive, group, newGroup);
      if (!(await hasFile(container, AGENT_HOME))) {
        const mtime = new Date(0);
        const ids = { uid: AGENT_UID, gid: AGENT_UID };
        archive.entry({ name: AGENT_HOME.slice(1), type: 'directory', mode: 0o755, mtime, ...ids });
      }
      for (const path of await this.#volumes(api, source)) {
        // Docker makes a folder of a volume that the image has no files for.
        if (await hasFile(container, path)) continue;
        archive.entry({ name: path.slice(1), type: 'directory', mode: 0o755, mtime: new Date(0) });
      }
      archive.finalize();
      await container.putArchive(await buffer(archive), { path: '/' });
      const labels = { ...ownLabels(this.#owner), [GROUND_LABEL]: source };
      await container.commit({
        repo: ownRepository(this.#owner),
        tag: this.#tag(source),
        pause: false,
        changes: [
          'USER 0:0',
          'WORKDIR /',
          'HEALTHCHECK NONE',
          ...Object.entries(labels).map(([key, value]) => `LABEL ${key}=${value}`),
        ].join('\n'),
      });
      const made = await this.find(source);
      if (made === undefined) throw new Error('the committed image is not there');
      return made;
    });
  }

  /** Where an image declares volumes. */
  async #volumes(api: Docker, imageId: string): Promise<readonly string[]> {
    const { Config } = await api.getImage(imageId).inspect();
    return Object.keys(Config?.Volumes ?? {})
      .filter((path) => path.startsWith('/'))
      .map((path) => posix.normalize(path))
      .filter((path) => path !== '/');
  }

  /** A container that never starts. */
  async #inContainer<T>(
    api: Docker,
    imageId: string,
    work: (container: Docker.Container) => Promise<T>,
  ): Promise<T> {
    const container = await api.createContainer({
      Image: imageId,
      // Instead of the image's own. Without a command nothing could be created; this is never run.
      Entrypoint: [''],
      Cmd: ['/nothing'],
      // The image's own labels are anybody's.
      Labels: { ...ownLabels(this.#owner), [LABEL.sandbox]: '', [LABEL.role]: '' },
      NetworkDisabled: true,
      HostConfig: { NetworkMode: 'none', LogConfig: { Type: 'none', Config: {} } },
    });
    try {
      return await work(container);
    } finally {
      await container.remove({ force: true, v: true }).catch((error: unknown) => {
        if (statusOf(error) !== 404) throw error;
      });
    }
  }

  /**
   * What an image declares as a volume would be no part of a sandbox's root, and can't be taken back in a commit.
   * So the image's description is loaded anew without them; its layers are there already and need not be sent.
   * @returns the id of an image without volumes
   */
  async #withoutVolumes(api: Docker, imageId: string): Promise<string> {
    const inspected = await api.getImage(imageId).inspect();
    if (Object.keys(inspected.Config?.Volumes ?? {}).length === 0) return imageId;
    try {
      return await this.#described(api, inspected);
    } catch (error) {
      if (error instanceof CodesetError) throw error;
      // A daemon that keeps images otherwise wants every layer: then the image is flattened, which copies it once.
      return this.#flattened(api, inspected);
    }
  }

  async #described(api: Docker, inspected: Docker.ImageInspectInfo): Promise<string> {
    const { Volumes: _volumes, OnBuild: _onBuild, ...config } = inspected.Config;
    const layers = inspected.RootFS.Layers ?? [];
    const description = JSON.stringify({
      architecture: inspected.Architecture,
      os: inspected.Os,
      created: inspected.Created,
      config: { ...config, Labels: { ...config.Labels, ...ownLabels(this.#owner) } },
      rootfs: { type: 'layers', diff_ids: layers },
      history: layers.map(() => ({ created: inspected.Created, created_by: 'codeset' })),
    });
    const archive = pack();
    archive.entry({ name: 'config.json' }, description);
    const files = layers.map((_, index) => `layer-${index}.tar`);
    archive.entry(
      { name: 'manifest.json' },
      JSON.stringify([{ Config: 'config.json', RepoTags: null, Layers: files }]),
    );
    archive.finalize();
    return idIn(await api.loadImage(Readable.from([await buffer(archive)])));
  }

  async #flattened(api: Docker, inspected: Docker.ImageInspectInfo): Promise<string> {
    return this.#inContainer(api, inspected.Id, async (container) => {
      const changes = [
        ...inspected.Config.Env.map((variable) => `ENV ${quotedVariable(variable)}`),
        ...Object.entries(ownLabels(this.#owner)).map(([key, value]) => `LABEL ${key}=${value}`),
      ];
      const files = (await container.export()) as NodeJS.ReadableStream;
      return idIn(await api.importImage(files, { changes }));
    });
  }

  #tag(imageId: string): string {
    return ownTag('ground', `${MAKING} ${imageId}`);
  }
}

/** @throws {CodesetError} ENVIRONMENT_UNMET */
export function userOf(user: string, users: readonly PasswdEntry[], image: string): GroundImage['user'] {
  const found = users.find(({ name }) => name === user);
  if (found !== undefined) return { uid: found.uid, gid: found.gid };
  const some = users
    .map(({ name }) => name)
    .slice(0, 20)
    .join(', ');
  throw failedPrecondition(
    'ENVIRONMENT_UNMET',
    `The image ${image} has no user "${user}": use agent, root${some === '' ? '' : `, or one that it has (${some})`}.`,
    { metadata: { user } },
  );
}

function addFile(archive: ReturnType<typeof pack>, file: FoundFile, text: string): void {
  const { header } = file;
  archive.entry(
    {
      name: file.path.slice(1),
      type: 'file',
      mode: (header?.mode ?? 0o644) & 0o7777,
      uid: header?.uid ?? 0,
      gid: header?.gid ?? 0,
      mtime: header?.mtime ?? new Date(0),
    },
    text,
  );
}

/** The id that the daemon tells of an image that it loaded or imported. */
async function idIn(answer: NodeJS.ReadableStream): Promise<string> {
  let id: string | undefined;
  for await (const event of daemonEvents(answer as Readable)) {
    const failure = failureIn(event);
    if (failure !== undefined) throw new Error(failure);
    id = /sha256:[0-9a-f]{64}/.exec(`${event.stream ?? ''} ${event.status ?? ''}`)?.[0] ?? id;
  }
  if (id === undefined) throw new Error('Docker did not say which image it made');
  return id;
}

async function removeQuietly(api: Docker, imageId: string): Promise<void> {
  await api
    .getImage(imageId)
    .remove({ noprune: true })
    .catch(() => undefined);
}

function quotedVariable(variable: string): string {
  const equals = variable.indexOf('=');
  return `${variable.slice(0, equals)}=${JSON.stringify(variable.slice(equals + 1)).replaceAll('$', '\\$')}`;
}
