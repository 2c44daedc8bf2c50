import type { SandboxSpec } from '../../core/ports/engine.js';

/** What Docker gives by default: what root's commands need to install and `chown`, inside the user namespace. */
export const ROOT_CAPABILITIES = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
] as const;

/** What stays. With CAP_NET_RAW a packet socket would go around the routes that close private networks. */
export function capabilitiesFor(network: SandboxSpec['network']): readonly string[] {
  return network === 'public'
    ? ROOT_CAPABILITIES.filter((name) => name !== 'CAP_NET_RAW')
    : ROOT_CAPABILITIES;
}

/** What the container starts with: init's `network` closes private networks, and gives CAP_NET_ADMIN up before PID 1. */
export function startingCapabilitiesFor(network: SandboxSpec['network']): readonly string[] {
  const staying = capabilitiesFor(network);
  return network === 'public' ? [...staying, 'CAP_NET_ADMIN'] : staying;
}
