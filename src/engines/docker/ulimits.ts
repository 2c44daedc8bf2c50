/** As Docker's API has it. */
export interface Ulimit {
  readonly Name: string;
  readonly Soft: number;
  readonly Hard: number;
}

const MIB = 1024 ** 2;
const WANTED = [
  ['nofile', 'Max open files', 65_536],
  ['core', 'Max core file size', 0],
  ['memlock', 'Max locked memory', 8 * MIB],
  ['msgqueue', 'Max msgqueue size', 819_200],
] as const;

/**
 * The limits of processes in sandboxes. A container without CAP_SYS_RESOURCE can't have more than the daemon's own
 * children have.
 * @param limits as /proc/self/limits of a container has them
 */
export function ulimits(limits: string): readonly Ulimit[] {
  const lines = limits.split('\n');
  return WANTED.map(([name, label, wanted]) => {
    const line = lines.find((candidate) => candidate.startsWith(label));
    const hard = line?.slice(label.length).trim().split(/\s+/)[1];
    const value = hard === undefined || hard === 'unlimited' ? wanted : Math.min(wanted, Number(hard));
    return { Name: name, Soft: value, Hard: value };
  });
}
