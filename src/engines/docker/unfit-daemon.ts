/** What of a daemon's own words decides whether it can be used at all. */
export interface FitnessWords {
  readonly system: string | undefined;
  /** `Engine`, `containerd`; Podman's compatible socket tells `Podman Engine`. */
  readonly components: readonly string[];
  readonly rootless: boolean;
  /** `cgroupfs`, `systemd`, `none`. */
  readonly cgroupDriver: string | undefined;
  readonly kernel: string;
}

/** Why a daemon can't be used, with what to do; undefined for one that can. */
export function unfit(words: FitnessWords, address: string): string | undefined {
  const { system = 'another system', components, rootless, cgroupDriver, kernel } = words;
  if (components.some((name) => name.startsWith('Podman')))
    return `What answers at ${address} is Podman, which takes no seccomp profile over Docker's API, and sandboxes are not held without one: use Docker Engine 20.10 or newer, rootless where it must not be root, or the local engine.`;
  if (system !== 'linux')
    return `The Docker at ${address} runs containers for ${system}: switch it to Linux containers.`;
  if (rootless && cgroupDriver === 'none')
    return `The rootless Docker at ${address} has no control groups, and can neither pause a sandbox nor limit it: boot its machine with cgroup v2, and start it by systemd as a service of its user.`;
  if (rootless && !since(kernel, 5, 11))
    return `The rootless Docker at ${address} runs on Linux ${kernel}, where only root can mount overlays: use Linux 5.11 or newer there, or a Docker that runs as root.`;
  return undefined;
}

/** @param kernel `6.1.0-18-amd64`; one that says nothing is given the chance */
function since(kernel: string, major: number, minor: number): boolean {
  const [, itsMajor, itsMinor] = /^(\d+)\.(\d+)/.exec(kernel) ?? [];
  if (itsMajor === undefined) return true;
  return Number(itsMajor) > major || (Number(itsMajor) === major && Number(itsMinor) >= minor);
}
