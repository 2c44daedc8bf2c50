import { BlockList } from 'node:net';
import type { DockerClient } from './docker-client.js';
import { LABEL, type Names } from './names.js';

const DOING = "The addresses of Docker's machine could not be read.";
const TABLE = '/proc/net/fib_trie';
/** As much as init prints of a file. */
const MAX_BYTES = 1024 ** 2;
const MEMORY_BYTES = 64 * 1024 ** 2;

/** What init's filter closes whoever has it. */
export const CLOSED = new BlockList();
for (const [network, bits] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  CLOSED.addSubnet(network, bits);

/**
 * The daemon's own addresses that would be the world's otherwise, as the kernel routes them there: the service may be
 * on another machine, or have no network. A container without one of its own reads them.
 * @param image id of one with our init at `/codeset-init`
 * @returns addresses and networks (`ADDRESS/BITS`)
 * @throws Error with what went wrong
 */
export async function daemonAddresses(
  client: DockerClient,
  names: Names,
  image: string,
): Promise<readonly string[]> {
  const text = await client.call(DOING, async (api) => {
    const container = await api.createContainer({
      name: names.addresses,
      Image: image,
      Entrypoint: ['/codeset-init', 'store', 'cat', TABLE],
      Cmd: [],
      // What it prints comes as it is, without frames.
      Tty: true,
      Labels: { [LABEL.owner]: names.owner, [LABEL.role]: 'addresses' },
      HostConfig: {
        NetworkMode: 'host',
        UsernsMode: 'host',
        ReadonlyRootfs: true,
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges'],
        Memory: MEMORY_BYTES,
        PidsLimit: 16,
        LogConfig: { Type: 'json-file', Config: {} },
      },
    });
    try {
      await container.start();
      await container.wait();
      return (await container.logs({ stdout: true, follow: false })).toString('utf8');
    } finally {
      await container.remove({ force: true, v: true });
    }
  });
  return localAddresses(text);
}

/**
 * @param text what `store cat` says of /proc/net/fib_trie
 * @throws Error where that is not all of it
 */
export function localAddresses(text: string): readonly string[] {
  const plain = text.replaceAll('\r\n', '\n');
  const [, length = '', table = ''] = /^(\d+)\n([\s\S]*)$/.exec(plain) ?? [];
  if (length === '' || Number(length) !== Buffer.byteLength(table) || Number(length) >= MAX_BYTES)
    throw new Error(`${TABLE} of Docker's machine can't be read`);
  const found = new Set<string>();
  let address = '';
  for (const line of table.split('\n')) {
    address = /\|-- (\S+)/.exec(line)?.[1] ?? address;
    const bits = /^\s*\/(\d+) \S+ LOCAL/.exec(line)?.[1];
    if (bits !== undefined && !CLOSED.check(address))
      found.add(bits === '32' ? address : `${address}/${bits}`);
  }
  // Every machine has its loopback.
  if (!/\/\d+ \S+ LOCAL/.test(table)) throw new Error(`${TABLE} of Docker's machine names no address`);
  return [...found];
}
