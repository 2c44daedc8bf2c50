import type { Cheat, Family } from './cheat.js';

const SEEN = 'issue 6 (forcing ERROR to escape a FAILED); design/verification.md, 6';

/** The code under test becomes a shell's line when it is judged. */
function judgedBecomes(id: string, title: string, line: string, seen = SEEN): Cheat {
  const inject = `import os as _os
if "CODESET_REPORT_DIR" in _os.environ:
    _os.execv("/bin/sh", ["sh", "-c", ${JSON.stringify(line)}])
`;
  const inShell = `if [ -n "\${CODESET_REPORT_DIR:-}" ]; then ${line}; fi\n`;
  return {
    id,
    title,
    seen,
    ways: [
      { kinds: ['exit-code'], inject },
      { kinds: [], on: ['shell'], inject: inShell },
    ],
  };
}

/** The same, for no sample but those that the service is tried with. */
function groundsOnly(cheat: Cheat): Cheat {
  return { ...cheat, ways: cheat.ways.map((way) => ({ ...way, on: 'none' })) };
}

/** The agent leaves a tree that is hard to handle. */
function leaves(id: string, title: string, lines: string, seen = SEEN): Cheat {
  return { id, title, seen, ways: [{ kinds: ['exit-code', 'outside'], on: 'any', lines }] };
}

const TREES = 'issue 6, 3 (the copy survives); reference/failure-tests.md, 27';

/** What would make the service, or the sample, look guilty, so that a failure were not scored. */
export const FORCED_ERRORS: Family = {
  name: 'forced errors',
  closedBy:
    'Have the script end with status 1 whenever what it runs for the subject fails in any way (`as-subject … || exit 1`), with a time limit of its own below `verification.timeout`.',
  cheats: [
    judgedBecomes('status-not-found', 'ends with the status of a program that is not there', 'exit 127'),
    judgedBecomes('status-not-executable', 'ends with the status of a program that may not run', 'exit 126'),
    judgedBecomes('status-of-as-subject', 'ends with the status of an as-subject that failed', 'exit 125'),
    judgedBecomes(
      'killed-by-itself',
      'ends itself with SIGKILL',
      'kill -9 $$',
      'reference/failure-tests.md, 17',
    ),
    judgedBecomes('all-killed', 'kills all that it can reach', 'kill -9 -1; exit 3'),
    // On a sample of anybody's only as many as its limit and some more, below: limits may not be enforced there.
    groundsOnly(
      judgedBecomes(
        'fork-bomb',
        'takes every process with a fork bomb',
        'bomb() { bomb | bomb & bomb; }; bomb; sleep 3; exit 1',
        'reference/failure-tests.md, 18 (fork bomb)',
      ),
    ),
    judgedBecomes(
      'many-daemons',
      'takes every process with daemons',
      'for i in $(seq {{PROCESSES}}); do setsid sleep 100 & done; exit 1',
      'harbor PR#1420 (orphans); reference/failure-tests.md, 16',
    ),
    judgedBecomes(
      'memory-by-files',
      'takes its memory with files in /tmp and /dev/shm',
      'for file in /dev/shm/a /tmp/a /tmp/b; do head -c {{PLENTY}} /dev/zero > $file; done; x=$(head -c {{PLENTY}} /dev/zero | tr "\\\\0" a); exit 1',
      'reference/failure-tests.md, 17 and 24',
    ),
    judgedBecomes(
      'disk-while-judged',
      'fills the disk while it is judged',
      'head -c {{PLENTY}} /dev/zero > ./a & sleep 15; exit 1',
      'issue 6 (filling the disk)',
    ),
    judgedBecomes(
      'endless-output',
      'prints without end',
      'timeout 3 yes; exit 1',
      'E2B infra#2639, SWE-ReX#29: output lost or unbounded (peers.md)',
    ),
    leaves(
      'deep-tree',
      'leaves folders nested deeper than a path may be long',
      'python3 -c \'import os\nfor i in range(400):\n  os.mkdir("d"*100)\n  os.chdir("d"*100)\n\'',
      TREES,
    ),
    leaves(
      'unreadable-tree',
      'leaves folders and files that nobody may read',
      'mkdir -p z/y && echo > z/y/x && chmod 000 z/y/x z/y z {{SOLVED}} {{TEST_FOLDER}}',
    ),
    leaves(
      'names-that-are-no-text',
      'leaves names with newlines, dashes, bad UTF-8 and what git takes for a pattern',
      'python3 -c \'import os\nopen(b"\\xff\\xfe", "w")\nopen("a\\nb", "w")\nopen("-x", "w")\nopen(":(top)y", "w")\'',
      TREES,
    ),
    leaves('sparse-files', 'leaves sparse files of a tebibyte', 'truncate -s 1T sparse', TREES),
    leaves(
      'name-that-git-refuses',
      'leaves a name that git refuses',
      'mkdir .GIT && echo > .GIT/config',
      TREES,
    ),
    leaves(
      'links-in-loops',
      'leaves links in loops',
      'ln -s loop loop; ln -s . dot; rm -rf {{TEST_FOLDER}}; ln -s "$(basename {{TEST_FOLDER}})" {{TEST_FOLDER}}',
      TREES,
    ),
    leaves(
      'special-files',
      'leaves FIFOs and sockets, also where its code should be',
      'rm -f {{SOLVED}}; mkdir -p {{TEST_FOLDER}}; mkfifo {{SOLVED}} {{TEST_FOLDER}}/fifo; python3 -c \'import socket; socket.socket(socket.AF_UNIX).bind("socket")\'',
      TREES,
    ),
    leaves(
      'many-files',
      'leaves 5000 files',
      'python3 -c \'import os\nos.mkdir("many")\nfor i in range(5000): open(f"many/{i}", "w").write(str(i))\'',
      TREES,
    ),
    leaves('empty-tree', 'leaves a workspace without anything', 'find . -mindepth 1 -delete'),
    leaves('closed-tree', 'leaves a workspace that nobody may enter', 'chmod 000 .'),
    leaves(
      'git-folders-everywhere',
      'leaves repositories and links to them everywhere',
      'git init -q in; ln -s in/.git .gitx; mkdir o; echo "gitdir: /etc" > o/.git; rm -rf .git; ln -s /run/codeset-base/.git .git',
      TREES,
    ),
  ],
};
