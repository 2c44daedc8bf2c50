import { expect, test } from 'vitest';
import { seccompProfile } from '../../../../src/engines/shared/seccomp.js';

/** What Docker's default profile gives only with a capability that no sandbox has, or never. */
const WITHHELD = `
  acct add_key bpf clock_settime create_module delete_module fanotify_init finit_module fsconfig fsmount fsopen
  fspick get_kernel_syms get_mempolicy init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl
  kcmp kexec_file_load kexec_load keyctl lookup_dcookie mbind migrate_pages mount mount_setattr move_mount
  move_pages nfsservctl open_by_handle_at open_tree perf_event_open pidfd_getfd pivot_root process_madvise
  query_module quotactl quotactl_fd reboot request_key set_mempolicy set_mempolicy_home_node setdomainname
  sethostname setns settimeofday stime swapoff swapon _sysctl sysfs syslog umount umount2 unshare uselib
  userfaultfd ustat vhangup vm86 vm86old`
  .trim()
  .split(/\s+/);

test.each(['x64', 'arm64'])(
  'on %s a sandbox gets no system call that Docker withholds by default',
  (arch) => {
    const profile = seccompProfile(arch);
    expect(profile.defaultAction).toBe('SCMP_ACT_ERRNO');
    const allowed = profile.syscalls.filter(({ action }) => action === 'SCMP_ACT_ALLOW');
    const names = new Set(allowed.flatMap((rule) => rule.names));
    expect(WITHHELD.filter((name) => names.has(name))).toEqual([]);
    // With conditions only.
    for (const name of ['clone', 'personality', 'socket']) {
      const rules = allowed.filter((rule) => rule.names.includes(name));
      expect(rules.length).toBeGreaterThan(0);
      expect(rules.every((rule) => (rule.args ?? []).length > 0)).toBe(true);
    }
  },
);
