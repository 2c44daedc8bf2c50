import { quote } from './verification-script.js';

export interface HarborScript {
  /** Variables that it gets. */
  readonly env: Readonly<Record<string, string>>;
  /** Of the file to run, in the folder that it comes from. */
  readonly file: string;
}

function exports(env: Readonly<Record<string, string>>): string {
  return Object.entries(env)
    .map(([name, value]) => `export ${name}=${quote(value)}\n`)
    .join('');
}

/**
 * Puts the tests to /tests, runs them there as Harbor does, and hands in the reward that they wrote.
 * @param byExit of a task without a reward file: 0 is a reward of 1
 */
export function harborVerification({ env, file }: HarborScript, byExit: boolean): string {
  return `#!/bin/sh
# Judges as Harbor does: hidden tests come to /tests and write a reward to /logs/verifier. Nothing that was there before
# takes part, and no link that the subject left leads anywhere else.
set -eu
if [ -L /logs ]; then rm -f /logs; fi
rm -rf /tests /logs/verifier
mkdir -p /logs/verifier /logs/agent /logs/artifacts
# An agent who is not root has them open to all, and what tests run as that user could put others in their place.
chown 0:0 /logs /logs/verifier
chmod 755 /logs /logs/verifier
cp -R "$CODESET_VERIFICATION_DIR/tests" /tests
chmod -R u+rwX,go+rX /tests
chmod +x ${quote(`/tests/${file}`)}
export TEST_DIR=/tests
${exports(env)}
status=0
${quote(`/tests/${file}`)} || status=$?
echo "${file} ended with exit status $status"
${byExit ? BY_EXIT : BY_REWARD}`;
}

const BY_REWARD = `# As Harbor reads them: reward.json, where there is none reward.txt.
for reward in reward.json reward.txt; do
  if [ -f "/logs/verifier/$reward" ] && [ ! -L "/logs/verifier/$reward" ]; then
    cp "/logs/verifier/$reward" "$CODESET_REPORT_DIR/$reward"
    exit 0
  fi
done
echo "It wrote neither /logs/verifier/reward.json nor reward.txt."
exit 1
`;

const BY_EXIT = `if [ "$status" -eq 0 ]; then echo 1; else echo 0; fi > "$CODESET_REPORT_DIR/reward.txt"
`;

/** Runs the reference solution where Harbor's oracle does; whether it did well, the verification says. */
export function harborSolution({ env, file }: HarborScript): string {
  return `#!/bin/sh
# Runs the reference solution as Harbor's oracle does, from /solution.
set -eu
# A user other than root may empty it, and no more.
rm -rf /solution 2> /dev/null || true
mkdir -p /solution /logs/agent /logs/verifier /logs/artifacts
cp -R "$CODESET_SOLUTION_DIR/files/." /solution
chmod +x ${quote(`/solution/${file}`)}
export DEBIAN_FRONTEND=noninteractive
${exports(env)}
status=0
${quote(`/solution/${file}`)} || status=$?
echo "${file} ended with exit status $status"
rm -rf /solution 2> /dev/null || true
`;
}
