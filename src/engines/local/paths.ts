import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Where things lie. What must outlive a reboot is in the data folder; mount points, sockets and the runtime's
 * state are in a folder under `runDir` that a later life of the service finds again by the data folder's path.
 */
export class Paths {
  readonly dataDir: string;
  readonly layers: string;
  readonly sandboxes: string;
  readonly run: string;
  /** The runtime's `--root`. */
  readonly state: string;
  /** The root and the bundles of single tools of ours. */
  readonly bare: string;
  /** Tells apart the services on one machine; also names the cgroups. */
  readonly owner: string;

  constructor(dataDir: string, runDir: string) {
    this.dataDir = realpathSync(dataDir);
    this.owner = createHash('sha256').update(this.dataDir).digest('hex').slice(0, 12);
    this.layers = join(this.dataDir, 'layers');
    this.sandboxes = join(this.dataDir, 'sandboxes');
    this.run = join(runDir, this.owner);
    this.state = join(this.run, 'runtime');
    this.bare = join(this.run, 'bare');
  }

  layer(layerId: string): string {
    return join(this.layers, checkedName(layerId));
  }

  sandbox(sandboxId: string): SandboxPaths {
    return new SandboxPaths(join(this.sandboxes, checkedName(sandboxId)), join(this.run, 'boxes', sandboxId));
  }
}

export class SandboxPaths {
  /** In the data folder: the spec and the uppers. */
  readonly data: string;
  /** Under the run folder: mount points, socket, bundle. */
  readonly run: string;

  constructor(data: string, run: string) {
    this.data = data;
    this.run = run;
  }

  get spec(): string {
    return join(this.data, 'spec.json');
  }
  /** Present once the engine ended it for a reason of its own; holds the sentence. */
  get ended(): string {
    return join(this.data, 'ended');
  }
  get disk(): string {
    return join(this.data, 'disk-bytes');
  }
  upper(part: 'root' | 'workspace'): string {
    return join(this.data, part, 'upper');
  }
  work(part: 'root' | 'workspace'): string {
    return join(this.data, part, 'work');
  }
  /** Where the overlay is mounted. */
  mount(part: 'root' | 'workspace'): string {
    return join(this.run, part);
  }
  get socket(): string {
    return join(this.run, 'init.sock');
  }
  get pidFile(): string {
    return join(this.run, 'pid');
  }
  /** `PID START_TIME` of init as the host sees it. */
  get process(): string {
    return join(this.run, 'process');
  }
  get pastaPidFile(): string {
    return join(this.run, 'pasta.pid');
  }
  get resolvConf(): string {
    return join(this.run, 'resolv.conf');
  }
  get hosts(): string {
    return join(this.run, 'hosts');
  }
  get hostname(): string {
    return join(this.run, 'hostname');
  }
}

/** Ids are ours; this keeps a mistake from becoming a path. */
function checkedName(id: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(id))
    throw new Error(`not a usable id: ${JSON.stringify(id)}`);
  return id;
}
