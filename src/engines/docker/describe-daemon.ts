import type { EngineCapabilities } from '../../core/ports/engine.js';
import type { Daemon } from './docker-client.js';
import type { Link } from './parts.js';
import type { PublicNetwork } from './public-network.js';

/** What this daemon gives and what it can't. */
export function describeDaemon(
  daemon: Daemon,
  network: Pick<PublicNetwork, 'missing'>,
  link: Link['mode'],
  runtime: string | undefined,
): EngineCapabilities {
  const warnings: string[] = [];
  const limits = [
    ['memory', daemon.limits.memory],
    ['processes', daemon.limits.processes],
    ['cpu', daemon.limits.cpu],
  ] as const;
  for (const [limit, held] of limits) {
    if (held) continue;
    warnings.push(
      `The limit on ${limit} is not enforced: Docker's machine gives no cgroup controller for it; enable it there at boot.`,
    );
  }
  if (daemon.limits.memory && !daemon.limits.swap) {
    warnings.push(
      "Swap is not counted: a sandbox may use as much swap as Docker's machine has beside its memory; boot it with swapaccount=1, or without swap.",
    );
  }
  if (!daemon.seccomp)
    warnings.push('System calls are not filtered: this Docker was built without seccomp; use one with it.');
  // Another runtime is there for a wall of its own.
  if (!daemon.userNamespace && (runtime ?? daemon.defaultRuntime) === daemon.defaultRuntime) {
    warnings.push(
      'Sandboxes have no user namespace of their own: their root is held by capabilities and seccomp only; set docker_runtime to runsc or kata for a stronger wall, or use the local engine.',
    );
  }
  if (link === 'exec') {
    warnings.push(
      "Commands run by docker exec: processor time and memory of each are told as 0, an exit by a signal as 128 and its number, there are no named shells, files API or verification, and a restart of the service ends what runs and tells it as lost; all of it is there with docker_link auto, an image and a runtime in which the service's init can run.",
    );
  }
  warnings.push(
    'The limit on disk is sampled: a sandbox that wrote more than it may is stopped some seconds later, not held back.',
    'What is kept of files outside the workspace is what an image holds: whole seconds of times, no sockets, no attributes of users, and no holes.',
  );
  if (network.missing !== undefined) warnings.push(network.missing);
  return {
    engine: 'docker',
    runtime: `${runtime ?? daemon.defaultRuntime} of Docker ${daemon.version}`,
    userNamespace: daemon.userNamespace,
    separateUsers: true,
    renamesFolders: !daemon.rootless,
    seccomp: daemon.seccomp,
    memory: daemon.limits.memory ? 'enforced' : 'none',
    processes: daemon.limits.processes ? 'enforced' : 'none',
    cpu: daemon.limits.cpu ? 'enforced' : 'none',
    disk: 'sampled',
    publicNetwork: network.missing === undefined,
    rootFiles: 'image',
    link,
    warnings,
  };
}
