/**
 * What our init wants of a container, whatever a daemon is set to: to be its first process, with none of the daemon's
 * before it, and to see no cgroups of others. (dockerode's types lack the second.)
 */
export const OWN_INIT = { Init: false, CgroupnsMode: 'private' } as const;
