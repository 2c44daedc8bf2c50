import type { SeccompProfile } from '../shared/seccomp.js';

const APART = ['mount', 'mount_setattr', 'unshare'];
const OWNERS = ['chown', 'fchown', 'lchown', 'fchownat'];

/**
 * The filter of a sandbox with one id. A change of owner has nobody to go to and is said to have happened, as set-up
 * steps, tar and package managers expect. In one that judges, the script's root may make what init/apart.c needs; that
 * takes it from the code under test again.
 */
export function forOneId(profile: SeccompProfile, judging: boolean): SeccompProfile {
  const syscalls = profile.syscalls.map((rule) => ({
    ...rule,
    names: rule.names.filter((name) => !OWNERS.includes(name)),
  }));
  return {
    ...profile,
    syscalls: [
      ...syscalls,
      { names: OWNERS, action: 'SCMP_ACT_ERRNO', errnoRet: 0 },
      ...(judging ? [{ names: APART, action: 'SCMP_ACT_ALLOW' as const }] : []),
    ],
  };
}
