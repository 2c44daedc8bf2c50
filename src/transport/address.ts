import { access, chmod, constants, lstat, stat, unlink } from 'node:fs/promises';
import { connect, isIPv4 } from 'node:net';
import { dirname } from 'node:path';
import { invalidFields } from '../core/errors.js';

/** Where a server listens. */
export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/**
 * Reads `HOST:PORT` or `unix:PATH`.
 * @throws INVALID_FIELD for anything that others could reach: without TLS the service is for this machine alone.
 */
export function parseListenAddress(text: string): ListenAddress {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
    // The kernel's limit for a socket's path.
    if (path === '' || Buffer.byteLength(path) > 107) throw wrong('unix: needs a path of at most 107 bytes');
    return { kind: 'unix', path };
  }
  const parts = /^(.*):(\d{1,5})$/.exec(text);
  const host = parts?.[1]?.replace(/^\[(.*)\]$/, '$1');
  const port = Number(parts?.[2]);
  if (host === undefined || host === '' || !(port <= 65535)) throw wrong('must be HOST:PORT or unix:PATH');
  if (!isLoopback(host)) {
    throw wrong(
      `${host} is not on loopback. Off loopback there is no service without TLS and a key: ` +
        'listen on 127.0.0.1:PORT, [::1]:PORT or unix:PATH',
    );
  }
  return { kind: 'tcp', host, port };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

function wrong(description: string): Error {
  return invalidFields([{ field: 'listen', description }]);
}

/** How gRPC spells it. @param port in place of the address's own, once it is known. */
export function targetOf(address: ListenAddress, port?: number): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${host}:${port ?? address.port}`;
}

/**
 * What listening itself would only say with a code, and with the same one for several.
 * @throws INVALID_FIELD where a socket can't be made for want of its folder, or of the right to write there
 */
export async function checkSocketFolder(path: string): Promise<void> {
  const folder = dirname(path);
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory() !== true) {
    throw wrong(`there is no folder ${folder} for the socket: make it, or name a path in another folder`);
  }
  await access(folder, constants.W_OK | constants.X_OK).catch(() => {
    throw wrong(
      `this user may not make a socket in ${folder}: change the folder's mode or owner, or name a path in another folder`,
    );
  });
}

/** Removes a socket that a killed server left behind; one that somebody listens on stays. */
export async function clearStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSocket() !== true || (await answers(path))) return;
  await unlink(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Only the owner of the service may talk to its socket. */
export async function closeToOthers(path: string): Promise<void> {
  await chmod(path, 0o600);
}
