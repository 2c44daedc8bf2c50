import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineAway, failedPrecondition } from '../../core/errors.js';
import type { DockerClient } from './docker-client.js';
import { ExecLink } from './exec/exec-mode.js';
import { Keeper } from './keeper.js';
import { AttachLink } from './link/attach-mode.js';
import { Links } from './links.js';
import { SocketLink } from './link/socket-link.js';
import type { Names } from './names.js';
import type { DockerEngineOptions } from './options.js';
import type { Link } from './parts.js';

/** Starts the keeper, and with it finds the fastest link that works here for new sandboxes. */
export async function openKeeper(
  options: DockerEngineOptions,
  client: DockerClient,
  names: Names,
): Promise<{ readonly keeper: Keeper; readonly links: Links }> {
  const initPath = options.initPath(client.daemon.architecture);
  if (initPath === undefined) {
    throw failedPrecondition(
      'ENGINE_UNSUPPORTED',
      `This Docker runs on ${client.daemon.architecture}, and this installation has no codeset-init for that (init/build.sh makes one with CC set to a compiler for it).`,
    );
  }
  const { log } = options;
  const folder = join(options.dataDir, 'docker');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const each = {
    socket: new SocketLink(names),
    attach: await AttachLink.open(client, folder),
    exec: new ExecLink(client),
  };
  const open = async (link: Link): Promise<Keeper> => {
    const keeper = new Keeper({ client, names, link, initPath, log });
    try {
      await keeper.open();
      return keeper;
    } catch (error) {
      keeper.close();
      throw error;
    }
  };
  const foreign = options.runtime !== undefined && options.runtime !== client.daemon.defaultRuntime;
  // The keeper has the daemon's own runtime and no user namespace: that its socket works says nothing of sandboxes
  // with another kernel, or whose root may not open what is this service's.
  const unlike = foreign || client.daemon.remap !== undefined;
  const wanted = options.link ?? 'auto';
  const isAuto = wanted === 'auto';
  const mode = isAuto && unlike ? 'attach' : wanted;
  if (mode === 'auto' || mode === 'socket') {
    try {
      return { keeper: await open(each.socket), links: new Links(each, 'socket', isAuto) };
    } catch (error) {
      if (mode === 'socket' || error instanceof EngineAway) throw error;
      log.info('Docker does not share this machine, or not its files; its sandboxes are reached by attach.');
    }
  }
  // The keeper is of our own making, and init runs in it wherever there is an init.
  const keeper = await open(each.attach);
  return { keeper, links: new Links(each, mode === 'exec' ? 'exec' : 'attach', isAuto) };
}
