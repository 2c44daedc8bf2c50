import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** Labels on everything that is the service's. */
export const LABEL = {
  owner: 'codeset.owner',
  /** The sandbox's id. */
  sandbox: 'codeset.sandbox',
  purpose: 'codeset.purpose',
  /** Bytes that the sandbox may write. */
  disk: 'codeset.disk-bytes',
  /** How the container's commands are reached. */
  link: 'codeset.link',
  /** For that: a folder of the service's machine. */
  linkFolder: 'codeset.link-folder',
  /** What of ours it is where it is no sandbox: `keeper`, `layer`, … */
  role: 'codeset.role',
} as const;

/** The role of a container that stands for a moment and has no name: one that is there later is of a life that was killed. */
export const PASSING = 'passing';

/** How the service's things are called in Docker, and where they lie in the keeper. */
export class Names {
  /** Tells apart the services that use one daemon: see owner.ts. */
  readonly owner: string;
  readonly #run: string;

  constructor(owner: string, runDir: string) {
    this.owner = owner;
    this.#run = join(runDir, `${this.owner}-docker`);
  }

  get store(): string {
    return `codeset-${this.owner}-store`;
  }
  get keeper(): string {
    return `codeset-${this.owner}-keeper`;
  }
  get carrier(): string {
    return `codeset-${this.owner}-carrier`;
  }
  get addresses(): string {
    return `codeset-${this.owner}-addresses`;
  }
  get network(): string {
    return `codeset-${this.owner}`;
  }
  /** The repository of images that are ours. */
  get images(): string {
    return `codeset/${this.owner}`;
  }
  container(sandboxId: string): string {
    return `codeset-${this.owner}-${checkedName(sandboxId)}`;
  }
  workspace(sandboxId: string): string {
    return `codeset-${this.owner}-${checkedName(sandboxId)}-workspace`;
  }
  layerImage(layerId: string): string {
    return `${this.images}:layer-${shortName(layerId)}`;
  }

  /** Of this machine: sockets of sandboxes whose daemon shares it. */
  get run(): string {
    return this.#run;
  }
  socketFolder(sandboxId: string): string {
    return join(this.#run, checkedName(sandboxId));
  }
  /** Whether a folder can be the sandbox's, made while the run folder was another. */
  isSocketFolder(sandboxId: string, folder: string): boolean {
    return folder.endsWith(`/${this.owner}-docker/${checkedName(sandboxId)}`) && !folder.includes('/..');
  }
}

/** Paths in the keeper. */
export const STORE = '/store';
export const LAYERS = `${STORE}/l`;
export const BOXES = `${STORE}/b`;
export const INITS = `${STORE}/init`;

/** Short, since a mount of many layers must name them all in one page. */
export function shortName(layerId: string): string {
  const bytes = createHash('sha256').update(checkedName(layerId)).digest();
  return bytes.toString('base64url').replace(/[-_]/g, 'x').slice(0, 12);
}

/**
 * Whether a container was made under a name of a service's. Labels don't tell: a container has its image's as well, and
 * those are anybody's.
 * @param names as the daemon lists them
 */
export function hasOwnName(owner: string, names: readonly string[]): boolean {
  return names.some((name) => name.startsWith(`/codeset-${owner}-`));
}

/** Whether it can be an id of ours. */
export function isUsableId(id: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(id);
}

/** Ids are ours; this keeps a mistake from becoming a path. */
export function checkedName(id: string): string {
  if (!isUsableId(id)) throw new Error(`not a usable id: ${JSON.stringify(id)}`);
  return id;
}
