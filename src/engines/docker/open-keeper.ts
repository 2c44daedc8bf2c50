import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { failedPrecondition } from '../../core/errors.js';
import type { DockerClient } from './docker-client.js';
import { ExecLink } from './exec/exec-mode.js';
import { Keeper } from './keeper.js';
import { AttachLink } from './link/attach-mode.js';
import { SocketLink } from './link/socket-link.js';
import type { Names } from './names.js';
import type { DockerEngineOptions } from './options.js';
import type { Link } from './parts.js';

/** Starts the keeper, and with it finds the fastest link that works here. */
export async function openKeeper(
  options: DockerEngineOptions,
  client: DockerClient,
  names: Names,
): Promise<{ readonly keeper: Keeper; readonly link: Link }> {
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
  const open = async (way: Link): Promise<{ readonly keeper: Keeper; readonly link: Link }> => {
    const keeper = new Keeper({ client, names, link: way, initPath, log });
    try {
      await keeper.open();
      return { keeper, link: way };
    } catch (error) {
      keeper.close();
      throw error;
    }
  };
  const foreign = options.runtime !== undefined && options.runtime !== client.daemon.defaultRuntime;
  // The keeper has the daemon's own runtime: that its socket works says nothing of sandboxes with another kernel.
  const wanted = options.link ?? 'auto';
  const link = wanted === 'auto' && foreign ? 'attach' : wanted;
  if (link !== 'attach' && link !== 'exec') {
    try {
      return await open(new SocketLink(names));
    } catch (error) {
      const away = (error as { reason?: unknown }).reason === 'ENGINE_UNAVAILABLE';
      if (link === 'socket' || away) throw error;
      log.info('Docker does not share this machine, or not its files; its sandboxes are reached by attach.');
    }
  }
  const opened = await open(await AttachLink.open(client, folder));
  // The keeper is of our own making, and init runs in it wherever there is an init.
  return link === 'exec' ? { ...opened, link: new ExecLink(client) } : opened;
}
