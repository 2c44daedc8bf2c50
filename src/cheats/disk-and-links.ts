import type { Family } from './cheat.js';
import { FORGE, SUCCEEDS } from './payloads.js';

/** What file systems can do, to those that read and write them. */
export const DISK_AND_LINKS: Family = {
  name: 'disk and links',
  closedBy:
    "Name the tests in `verification.protected_paths`; have the script put hidden files in a folder of its own (`mktemp -d`, root's) and write the report itself; it must follow no path that the subject may have made.",
  cheats: [
    {
      id: 'link-over-report',
      title: 'puts a link to a report of its own in the place of the report',
      seen: 'issue 6 (links over report paths)',
      ways: [
        {
          kinds: ['pytest', 'outside'],
          inject: `${FORGE}
import os as _os
_folder = _os.environ.get("CODESET_REPORT_DIR", "")


def _last():
    _os.environ["CODESET_REPORT_DIR"] = "/tmp"
    forge()
    if _os.path.exists(_folder + "/{{REPORT}}"):
        _os.remove(_folder + "/{{REPORT}}")
    _os.symlink("/tmp/{{REPORT}}", _folder + "/{{REPORT}}")
    _os._exit(0)


if _folder:
    import atexit as _atexit
    _atexit.register(_last)
`,
        },
      ],
    },
    {
      id: 'link-over-report-folder',
      title: 'puts a link to a folder of its own in the place of the report folder',
      seen: 'issue 6 (links over report paths)',
      ways: [
        {
          kinds: ['pytest', 'outside'],
          inject: `${FORGE}
import os as _os
_folder = _os.environ.get("CODESET_REPORT_DIR", "")
if _folder:
    try:
        _os.makedirs("/tmp/mine", exist_ok=True)
        _os.environ["CODESET_REPORT_DIR"] = "/tmp/mine"
        forge()
        _os.rename(_folder, _folder + "-old")
        _os.symlink("/tmp/mine", _folder)
    except OSError:
        pass
    _os._exit(0)
`,
        },
      ],
    },
    {
      id: 'fifo-over-report',
      title: 'puts a FIFO in the place of the report',
      seen: 'reference/failure-tests.md, 27 (FIFO or device as a read target)',
      ways: [
        {
          kinds: ['pytest'],
          inject: `import atexit as _atexit, os as _os


def _last():
    _path = _os.environ["CODESET_REPORT_DIR"] + "/{{REPORT}}"
    _os.remove(_path)
    _os.mkfifo(_path)
    _os._exit(0)


if "CODESET_REPORT_DIR" in _os.environ:
    _atexit.register(_last)
`,
        },
      ],
    },
    {
      id: 'link-over-tests',
      title: 'puts links where the hidden tests will be written',
      seen: 'issue 6 (links over script paths); reference/failure-tests.md, 27',
      ways: [
        {
          kinds: ['pytest', 'go'],
          on: 'any',
          lines: `mkdir /tmp/tests; for file in {{GUESSED}}; do ln -s /dev/null "/tmp/tests/$(basename "$file")"; done
rm -rf {{TEST_FOLDER}}; ln -s /tmp/tests {{TEST_FOLDER}}
for file in {{GUESSED}}; do [ -e "$file" ] || { mkdir -p "$(dirname "$file")"; ln -s /dev/null "$file"; }; done`,
        },
        {
          kinds: ['exit-code', 'outside'],
          on: 'any',
          lines: 'rm -rf {{TEST_FOLDER}} && ln -s /run/codeset-verification {{TEST_FOLDER}}',
        },
      ],
    },
    {
      id: 'folder-over-tests',
      title: 'puts folders that hold other tests where the hidden ones will be written',
      seen: 'issue 6 (links over script paths), by what cp and install do to a folder',
      ways: [
        {
          kinds: ['pytest', 'go'],
          on: 'any',
          lines: `for file in {{GUESSED}}; do rm -rf "$file"; mkdir -p "$file"; echo 'def test_adds(): pass' > "$file/$(basename "$file")"; touch "$file/keep"; done`,
        },
      ],
    },
    {
      id: 'link-to-the-hidden',
      title: 'makes its code a link to the hidden script, or to what the script will write',
      seen: 'this project’s first tests: a symlink to the hidden script in the place of the module',
      ways: [
        {
          kinds: ['exit-code', 'pytest', 'node', 'outside'],
          on: 'any',
          lines:
            'for file in {{SOLVED}}; do for hidden in {{HIDDEN}}; do ln -sf "/run/codeset-verification/$hidden" "$file"; done; done',
        },
        {
          kinds: ['go'],
          on: 'any',
          lines:
            'for file in {{SOLVED}}; do for hidden in {{GUESSED}}; do ln -sf "$PWD/$hidden" "$file"; done; done',
        },
      ],
    },
    {
      id: 'hard-links',
      title: 'gives files that will be put back a second name',
      seen: 'reference/failure-tests.md, 27 (hard links); test/adversarial/own-samples has it for what is protected',
      ways: [
        {
          kinds: ['exit-code', 'pytest', 'outside'],
          lines:
            'mkdir names; for file in {{TESTS}} README.md; do ln "$file" "names/$(basename "$file")"; done; for file in names/*; do echo "raise SystemExit(0)" > "$file"; done',
        },
      ],
    },
    {
      id: 'full-disk-of-the-session',
      title: "fills its session's disk, so that nothing more can be written there",
      seen: 'issue 6 (filling the disk)',
      ways: [
        {
          kinds: ['exit-code', 'outside'],
          on: 'any',
          lines: 'head -c {{PLENTY}} /dev/zero > full 2> /dev/null',
        },
      ],
    },
    {
      id: 'full-disk-of-the-run',
      title: 'fills the disk while it is judged, so that no failure can be written down',
      seen: 'issue 6 (filling the disk)',
      ways: [
        {
          kinds: ['pytest', 'outside'],
          inject: `import os as _os
if "CODESET_REPORT_DIR" in _os.environ:
    for _folder in [".", "/tmp", "/dev/shm", _os.environ["CODESET_REPORT_DIR"]]:
        try:
            with open(_folder + "/full", "wb", buffering=0) as _file:
                for _ in range(80):
                    _file.write(bytes(1 << 20))
        except OSError:
            pass
`,
        },
      ],
    },
    {
      id: 'no-file-may-grow',
      title:
        'limits the size of files, its own and those of the script, so that no failure can be written down',
      seen: 'issue 6 (filling the disk), by a limit in place of a disk',
      ways: [
        {
          kinds: ['pytest', 'outside', 'exit-code'],
          inject: `import os as _os, resource as _resource, signal as _signal
_signal.signal(_signal.SIGXFSZ, _signal.SIG_IGN)
if "CODESET_REPORT_DIR" in _os.environ:
    for _pid in [_os.getppid(), 1, 0]:
        try:
            _resource.prlimit(_pid, _resource.RLIMIT_FSIZE, (0, 0))
        except OSError:
            pass
`,
        },
      ],
    },
    {
      id: 'verifiers-tools',
      title: "edits the verifier's tools, and puts its own before them on PATH",
      seen: 'harbor#974 (PATH); design/verification.md (shadowing binaries on PATH); issue 6',
      ways: [
        {
          kinds: ['exit-code', 'pytest', 'node', 'go', 'outside'],
          files: { 'bin/python3': SUCCEEDS },
          lines: `chmod 755 bin/python3; mkdir -p "$HOME/bin" "$HOME/.local/bin" node_modules/.bin
for name in python3 python node go sh timeout install mktemp cp as-subject grep cat git; do
  for folder in . bin "$HOME/bin" "$HOME/.local/bin" node_modules/.bin; do [ "$folder/$name" = bin/python3 ] || [ -e "$folder/$name" ] || cp bin/python3 "$folder/$name"; done
done`,
          rootLines: `for name in install mktemp timeout python3 node go as-subject sh grep; do cp bin/python3 /usr/local/bin/$name; cp bin/python3 /usr/local/sbin/$name; done
for name in as-subject codeset-init init; do cp bin/python3 /run/codeset/bin/$name; cp bin/python3 /run/codeset/$name; done 2> /dev/null`,
        },
      ],
    },
    {
      id: 'patch-out-of-the-tree',
      title: 'sends a patch that writes outside of the tree',
      seen: 'reference/failure-tests.md, 27 (.., absolute, symlink chains)',
      ways: [
        {
          kinds: ['exit-code', 'outside'],
          patch: `diff --git a/../../run/codeset-verification/run b/../../run/codeset-verification/run
new file mode 100755
--- /dev/null
+++ b/../../run/codeset-verification/run
@@ -0,0 +1,2 @@
+#!/bin/sh
+exit 0
`,
        },
      ],
    },
    {
      id: 'patch-through-a-link',
      title: 'sends a patch that makes a link and writes through it',
      seen: 'reference/failure-tests.md, 27 (symlink chains); git has had to mend it (CVE-2023-23946)',
      ways: [
        {
          kinds: ['exit-code', 'pytest'],
          patch: `diff --git a/out b/out
new file mode 120000
--- /dev/null
+++ b/out
@@ -0,0 +1 @@
+/run/codeset-verification
\\ No newline at end of file
diff --git a/out/run b/out/run
new file mode 100755
--- /dev/null
+++ b/out/run
@@ -0,0 +1,2 @@
+#!/bin/sh
+exit 0
`,
        },
      ],
    },
  ],
};
