// Which system calls a sandbox may make: an allow-list, everything else fails with EPERM. It leaves out what
// Docker's default leaves out for a container without further capabilities (mounts, namespaces, keyrings, bpf,
// perf, modules, clocks, memory policies, swap, ptrace across users is the kernel's own check) and is stricter in what the notes
// below say.

interface SeccompRule {
  names: string[];
  action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  errnoRet?: number;
  args?: { index: number; value: number; valueTwo?: number; op: string }[];
}

export interface SeccompProfile {
  defaultAction: 'SCMP_ACT_ERRNO';
  defaultErrnoRet: number;
  architectures: string[];
  syscalls: SeccompRule[];
}

const EPERM = 1;
const ENOSYS = 38;

const FILES = `
  access faccessat faccessat2 chdir fchdir chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat close
  close_range copy_file_range creat dup dup2 dup3 fadvise64 fallocate fcntl fdatasync flock fsync ftruncate
  truncate getcwd getdents getdents64 link linkat lseek lstat stat fstat newfstatat statx statfs fstatfs mkdir
  mkdirat mlock mlock2 mlockall munlock munlockall open openat openat2 pread64 preadv preadv2 pwrite64 pwritev
  pwritev2 read readv write writev readahead readlink readlinkat rename renameat renameat2 rmdir sendfile splice
  tee vmsplice symlink symlinkat sync sync_file_range syncfs umask unlink unlinkat utime utimensat utimes futimesat
  getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr setxattr lsetxattr fsetxattr removexattr
  lremovexattr fremovexattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch
  name_to_handle_at ioctl memfd_create cachestat`;

const PROCESSES = `
  brk capget capset chroot execve execveat exit exit_group fork vfork getpid getppid gettid getpgid getpgrp getsid setsid setpgid
  getpriority setpriority getrlimit setrlimit prlimit64 getrusage getuid geteuid getgid getegid getresuid getresgid
  getgroups setgroups setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid ioprio_get ioprio_set
  kill tkill tgkill pidfd_open pidfd_send_signal prctl arch_prctl ptrace process_vm_readv process_vm_writev
  process_mrelease rseq sched_getaffinity sched_getattr sched_getparam sched_get_priority_max
  sched_get_priority_min sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam
  sched_setscheduler sched_yield seccomp set_robust_list get_robust_list set_tid_address set_thread_area
  get_thread_area times wait4 waitid waitpid sysinfo uname getcpu getrandom landlock_create_ruleset
  landlock_add_rule landlock_restrict_self membarrier modify_ldt alarm pause`;

const SIGNALS = `
  rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
  rt_tgsigqueueinfo sigaltstack signalfd signalfd4 restart_syscall`;

const MEMORY = `
  madvise mincore mmap mprotect mremap msync munmap pkey_alloc pkey_free pkey_mprotect remap_file_pages
  map_shadow_stack memfd_secret`;

const TIME = `
  clock_getres clock_gettime clock_nanosleep nanosleep gettimeofday time getitimer setitimer timer_create
  timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime
  clock_adjtime adjtimex`;

const WAITING = `
  epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
  eventfd2 futex futex_requeue futex_wait futex_waitv futex_wake poll ppoll select pselect6 _newselect io_cancel
  io_destroy io_getevents io_pgetevents io_setup io_submit`;

const TALKING = `
  accept accept4 bind connect getpeername getsockname getsockopt setsockopt listen pipe pipe2 recv recvfrom
  recvmmsg recvmsg send sendmmsg sendmsg sendto shutdown socketpair mq_getsetattr mq_notify mq_open
  mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop shmat shmctl
  shmdt shmget`;

function words(...lists: string[]): string[] {
  return lists
    .join(' ')
    .split(/\s+/)
    .filter((word) => word !== '');
}

// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
const NEW_NAMESPACES = 0x7e020000;
const AF_ALG = 38;
const AF_VSOCK = 40;
const S_IFMT = 0o170000;

/** @param architecture as Node calls it. */
export function seccompProfile(architecture: string): SeccompProfile {
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    // Only the machine's own: 32-bit entry points are a second kernel interface that no tool here needs.
    architectures: [architecture === 'arm64' ? 'SCMP_ARCH_AARCH64' : 'SCMP_ARCH_X86_64'],
    syscalls: [
      {
        names: words(FILES, PROCESSES, SIGNALS, MEMORY, TIME, WAITING, TALKING),
        action: 'SCMP_ACT_ALLOW',
      },
      // clone's flags are in a register and can be looked at; clone3's are in memory, so it does not exist here
      // and libc falls back to clone.
      {
        names: ['clone'],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 0, value: NEW_NAMESPACES, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
      },
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
      // Kernel crypto and hypervisor sockets are out.
      {
        names: ['socket'],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 0, value: AF_ALG, op: 'SCMP_CMP_LT' }],
      },
      {
        names: ['socket'],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 0, value: AF_ALG + 1, op: 'SCMP_CMP_EQ' }],
      },
      {
        names: ['socket'],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 0, value: AF_VSOCK, op: 'SCMP_CMP_GT' }],
      },
      // FIFOs, sockets and plain files, no devices: stricter than Docker, and no whiteouts can be planted.
      ...[0o100000, 0o010000, 0o140000, 0].flatMap((type): SeccompRule[] => [
        {
          names: ['mknod'],
          action: 'SCMP_ACT_ALLOW',
          args: [{ index: 1, value: S_IFMT, valueTwo: type, op: 'SCMP_CMP_MASKED_EQ' }],
        },
        {
          names: ['mknodat'],
          action: 'SCMP_ACT_ALLOW',
          args: [{ index: 2, value: S_IFMT, valueTwo: type, op: 'SCMP_CMP_MASKED_EQ' }],
        },
      ]),
      // What programs ask for at their start: Linux, the same without address randomisation, "tell me".
      ...[0x0, 0x0008, 0x20000, 0x20008, 0x40000, 0xffffffff].map((value): SeccompRule => ({
        names: ['personality'],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }],
      })),
    ],
  };
}
