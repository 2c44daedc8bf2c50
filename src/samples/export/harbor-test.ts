import type { SampleManifest } from '../../core/sample.js';
import { CLEAR_WAY, quote } from '../import/verification-script.js';

/** tests/test.sh: the sample's own script, started as codeset starts it. @param app where the codebase lies */
export function harborTest({ verification: spec }: SampleManifest, app: string): string {
  const command = spec.command
    .map((word) => quote(word.replace(/^verification\//, '/tests/verification/')))
    .join(' ');
  const back = spec.protectedPaths.map((path) => `put_back ${quote(path.replace(/\/+$/, ''))}\n`).join('');
  return `#!/bin/sh
# Written by codeset sample export. Runs the sample's own script as codeset does: hidden files closed to the code under
# test, which as-subject starts as the user agent.
set -u
# Harbor leaves this folder open to all. From here on code under test puts no reward there, nor a link in its place.
mkdir -p /logs/verifier
chown 0:0 /logs/verifier
chmod 755 /logs/verifier
rm -rf /logs/verifier/reward.json /logs/verifier/reward.txt
export CODESET_VERIFICATION_DIR=/tests/verification CODESET_REPORT_DIR=/logs/verifier/reports
export PATH="/tests/bin:$PATH" TZ=UTC LC_ALL=C.UTF-8 PYTHONHASHSEED="\${PYTHONHASHSEED:-0}" PYTHONDONTWRITEBYTECODE=1
rm -rf "$CODESET_REPORT_DIR" && mkdir -m 711 "$CODESET_REPORT_DIR"
chown -R 0:0 /tests
chmod -R go-rwx /tests/verification
if [ -d /tests/protected ]; then chmod -R go-rwx /tests/protected; fi
cd ${quote(app)} || exit 1

${CLEAR_WAY}
# What belongs to the sample comes back over whatever is there.
put_back() {
  clear_way "$1"
  rm -rf "./$1"
  if [ -e "/tests/protected/$1" ]; then
    cp -R "/tests/protected/$1" "./$1"
    chmod -R u+rwX,go+rX "./$1"
  fi
}
${back}
${command}
status=$?
${spec.grading === 'REWARD_FILE' ? BY_REWARD : BY_EXIT}`;
}

const BY_REWARD = `for reward in reward.json reward.txt; do
  if [ -f "$CODESET_REPORT_DIR/$reward" ]; then
    cp "$CODESET_REPORT_DIR/$reward" "/logs/verifier/$reward"
    exit 0
  fi
done
echo 0 > /logs/verifier/reward.txt
`;

const BY_EXIT = `if [ "$status" -eq 0 ]; then echo 1; else echo 0; fi > /logs/verifier/reward.txt
`;

/** Stands for codeset's own program of that name: a user without capabilities, and a report folder of its own. */
export function asSubject(): string {
  return `#!/bin/sh
# Starts code under test as the user agent (1000), as codeset's program of this name does.
if [ "\${1:-}" = -- ]; then shift; fi
if [ -n "\${CODESET_REPORT_DIR:-}" ]; then
  CODESET_REPORT_DIR=$(mktemp -d "$CODESET_REPORT_DIR/subject-XXXXXX") || exit 125
  chown 1000:1000 "$CODESET_REPORT_DIR"
  export CODESET_REPORT_DIR
fi
export HOME=/home/agent USER=agent LOGNAME=agent
if command -v setpriv > /dev/null; then
  exec setpriv --reuid=1000 --regid=1000 --clear-groups --no-new-privs -- "$@"
fi
exec su -s /bin/sh agent -c 'exec "$@"' sh "$@"
`;
}
