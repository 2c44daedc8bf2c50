import type { Command } from 'commander';

/** A command line, and what it does where that does not go without saying. */
type Example = readonly [line: string, what?: string];

/** For each command by its path, what people type. Commands whose own help has more bring theirs. */
const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  serve: [
    ['codeset serve', '127.0.0.1:50051, data in the usual place'],
    ['codeset serve --listen unix:/run/codeset.sock --data-dir /srv/codeset'],
    ['codeset serve --config codeset.yaml --max-sessions 200'],
  ],
  doctor: [['codeset doctor', 'what this machine can do'], ['codeset doctor --json | jq .']],
  'sample add': [
    ['codeset sample add samples/examples/median-of-even-lists'],
    ['codeset sample add samples/*/*', 'what is there already stays as it is'],
  ],
  'sample list': [
    ['codeset sample list --dataset examples'],
    ['codeset sample list --language python --search queue'],
  ],
  'sample show': [
    ['codeset sample show median-of-even-lists'],
    ['codeset sample show median-of-even-lists@2 --full --json'],
  ],
  'sample remove': [['codeset sample remove median-of-even-lists@1', 'this version; without @1 all of them']],
  'sample prefetch': [
    ['codeset sample prefetch --dataset swe-bench-lite'],
    ['codeset sample prefetch --max-bytes 200GiB'],
  ],
  'sample validate': [
    ['codeset sample validate median-of-even-lists'],
    [
      'codeset sample validate --dataset examples --runs 10 --concurrency 4',
      'finds tests that are flaky under load',
    ],
  ],
  'sample audit': [
    ['codeset sample audit median-of-even-lists'],
    ['codeset sample audit --dataset examples --no-cheats', 'only search, which takes seconds'],
  ],
  'session create': [
    ['codeset session create median-of-even-lists'],
    ['codeset session create --image python:3.13-slim --network public --ttl 2h'],
    ['session=$(codeset session create --host --label run=mine)', 'for scripts'],
  ],
  'session list': [['codeset session list'], ['codeset session list --all --label run=mine --json']],
  'session show': [['codeset session show ses_01']],
  'session watch': [['codeset session watch ses_01', 'until it has ended']],
  'session extend': [['codeset session extend ses_01 --ttl 4h', 'from now on']],
  'session fork': [['codeset session fork ses_01 --count 8', 'eight with its files as they are now']],
  'session snapshot': [['codeset session snapshot ses_01 --label step=1']],
  'session snapshots list': [['codeset session snapshots list --session ses_01']],
  'session snapshots show': [['codeset session snapshots show snp_01']],
  'session snapshots remove': [['codeset session snapshots remove snp_01']],
  'session close': [['codeset session close ses_01 ses_02'], ['codeset session close --label run=mine']],
  exec: [
    ['codeset exec ses_01 -- pytest -q'],
    ["codeset exec ses_01 -- sh -c 'make 2>&1 | tail'", 'a shell line'],
    ['codeset exec -it ses_01 -- python3', 'on this terminal'],
    ['tar c src | codeset exec -i ses_01 -- tar x', 'with this stdin'],
    ['codeset exec --shell main ses_01 -- cd src', 'lasts for later commands of this shell'],
    ['codeset exec --detach ses_01 -- npm start', 'prints an id for `codeset attach`'],
  ],
  attach: [
    ['codeset attach ses_01 exe_01', 'from the beginning of its outputs'],
    ['codeset attach -i ses_01 exe_01', 'to type into it'],
  ],
  shell: [
    ['codeset shell ses_01'],
    ['codeset shell ses_01 --user root --workdir /'],
    ['codeset shell ses_01 < commands.sh', 'without a terminal'],
  ],
  verify: [
    ['codeset verify ses_01 --follow'],
    ['codeset verify --sample median-of-even-lists --patch work.patch'],
    ['codeset verify --snapshot snp_01 && echo PASSED'],
  ],
  'verification list': [['codeset verification list --sample median-of-even-lists --state failed']],
  'verification show': [
    ['codeset verification show ver_01'],
    ['codeset verification show ver_01 --log | less'],
  ],
  'verification cancel': [['codeset verification cancel ver_01']],
  'verification remove': [['codeset verification remove ver_01 ver_02']],
  cp: [
    ['codeset cp data.csv ses_01:/tmp/', 'into a folder there'],
    ['codeset cp ses_01:report.html .', 'out of the workspace'],
  ],
  diff: [['codeset diff ses_01 > work.patch']],
  apply: [['codeset apply ses_01 fix.patch'], ['codeset diff ses_01 | codeset apply ses_02 -']],
  'eval regrade': [['codeset eval regrade runs/mine --out runs/mine-again', 'after a sample was corrected']],
  'eval compare': [['codeset eval compare runs/one runs/two']],
  'key create': [['codeset key create --role runner nightly', 'printed once']],
  'key show': [['export CODESET_API_KEY=$(codeset key show)']],
  'key list': [['codeset key list']],
  'key revoke': [['codeset key revoke key_01']],
};

/** Puts examples below the help of every command that has some here. */
export function addExamples(program: Command, path: readonly string[] = []): void {
  for (const command of program.commands) {
    const here = [...path, command.name()];
    const examples = EXAMPLES[here.join(' ')];
    if (examples !== undefined) command.addHelpText('after', `\nExamples:\n${textOf(examples)}`);
    addExamples(command, here);
  }
}

function textOf(examples: readonly Example[]): string {
  const width = Math.max(...examples.map(([line, what]) => (what === undefined ? 0 : line.length)));
  return examples
    .map(([line, what]) => (what === undefined ? `  ${line}` : `  ${line.padEnd(width)}    # ${what}`))
    .join('\n');
}
