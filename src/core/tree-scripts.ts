import { WORKSPACE } from './environment.js';

// What side sandboxes run over trees: shell and git, with our own git folder outside of the workspace.

const GIT_DIR = '/var/lib/codeset/baseline.git';
export const GIT_ENV: Readonly<Record<string, string>> = {
  GIT_DIR,
  GIT_WORK_TREE: WORKSPACE,
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'codeset',
  GIT_AUTHOR_EMAIL: 'codeset@localhost',
  GIT_COMMITTER_NAME: 'codeset',
  GIT_COMMITTER_EMAIL: 'codeset@localhost',
  GIT_AUTHOR_DATE: '2000-01-01T00:00:00Z',
  GIT_COMMITTER_DATE: '2000-01-01T00:00:00Z',
  // A quick child of a huge tree must not be held up by an automatic repack.
  GIT_CONFIG_COUNT: '7',
  GIT_CONFIG_KEY_0: 'gc.auto',
  GIT_CONFIG_VALUE_0: '0',
  GIT_CONFIG_KEY_1: 'core.excludesFile',
  GIT_CONFIG_VALUE_1: '/dev/null',
  GIT_CONFIG_KEY_2: 'core.fsmonitor',
  GIT_CONFIG_VALUE_2: 'false',
  GIT_CONFIG_KEY_3: 'core.untrackedCache',
  GIT_CONFIG_VALUE_3: 'false',
  // Objects are written once and read at most once more: packing them small would cost more than their space.
  GIT_CONFIG_KEY_4: 'core.looseCompression',
  GIT_CONFIG_VALUE_4: '0',
  GIT_CONFIG_KEY_5: 'pack.compression',
  GIT_CONFIG_VALUE_5: '0',
  // Names that only Windows takes for .git (`git~1`) are files like any other.
  GIT_CONFIG_KEY_6: 'core.protectNTFS',
  GIT_CONFIG_VALUE_6: 'false',
};

// Repositories inside the workspace would be taken for submodules and hide their files; special files can't be
// judged. Both go from our copy only. The workspace's own .git stays: git never looks into it.
const NORMALISE = `
find "$GIT_WORK_TREE" -xdev -mindepth 2 -name .git -prune -exec rm -rf {} +
find "$GIT_WORK_TREE" -xdev '(' -type p -o -type s -o -type b -o -type c ')' -delete
`;

// Attributes of the git folder are the strongest: those of the tree change nothing.
export const INIT = `mkdir -p "$GIT_DIR"
env -u GIT_WORK_TREE git init -q --bare "$GIT_DIR"
git config core.bare false
mkdir -p "$GIT_DIR/info"
echo '* -text !diff -filter -ident -working-tree-encoding !merge !eol !whitespace' > "$GIT_DIR/info/attributes"
`;

export const MAKE_BASELINE = `set -eu
${INIT}${NORMALISE}
cd "$GIT_WORK_TREE"
git add -A -f .
commit=$(git commit-tree -m baseline "$(git write-tree)")
git update-ref refs/heads/baseline "$commit"
`;

/** Takes the workspace into the index, whatever ignore files say. Git would read a hole of a tebibyte for hours. */
const TAKE = `set -eu
${NORMALISE}
huge=$(find "$GIT_WORK_TREE" -xdev -type f -size +8388608k -print -quit)
if [ -n "$huge" ]; then echo "$huge is larger than 8 GiB" >&2; exit 1; fi
cd "$GIT_WORK_TREE"
git add -A -f .
`;

// What the base commit's own ignore rules name is left out of a patch; the agent's ignore files have no say.
export const PATCH = `${TAKE}
rules=/tmp/rules
mkdir -p "$rules"
git ls-tree -r -z --name-only refs/heads/baseline > /tmp/base-paths
git diff-index --cached --no-renames --diff-filter=A -z --name-only refs/heads/baseline > /tmp/added
if [ -s /tmp/added ]; then
  GIT_INDEX_FILE=/tmp/rules.index git read-tree refs/heads/baseline
  GIT_INDEX_FILE=/tmp/rules.index git ls-files -z -- ':(glob)**/.gitignore' |
    GIT_INDEX_FILE=/tmp/rules.index git checkout-index -z --stdin --prefix="$rules/"
  (cd "$rules" && GIT_WORK_TREE="$rules" GIT_INDEX_FILE=/tmp/rules.index \\
    git check-ignore --no-index -z --stdin < /tmp/added > /tmp/ignored) || test $? = 1
  if [ -s /tmp/ignored ]; then git update-index -z --force-remove --stdin < /tmp/ignored; fi
fi
git -c core.looseCompression=-1 diff-index --cached --no-renames --no-ext-diff --no-textconv --no-color --binary --full-index -p refs/heads/baseline
`;

/** Takes away what /tmp/planted names, and puts back what /tmp/changed names, with fresh times. */
const PUT_BACK = `if [ -s /tmp/planted ]; then
  # Just taken from the tree, so none of them lies behind a symlink.
  sed -z 's|^|./|' /tmp/planted > /tmp/planted-paths
  xargs -0 rm -f -- < /tmp/planted-paths
  git update-index -z --force-remove --stdin < /tmp/planted
fi
if [ -s /tmp/changed ]; then
  git --literal-pathspecs restore --source=refs/heads/baseline --staged --worktree \\
    --pathspec-from-file=/tmp/changed --pathspec-file-nul
fi
`;

// Every path that differs from the baseline and matches one of the pathspecs is put back: planted ones go,
// changed and deleted ones are restored.
const RESTORE = `${TAKE}
changed() { git diff-index --cached --no-renames -z --name-only "$@"; }
changed --diff-filter=A refs/heads/baseline -- "$@" > /tmp/planted
changed --diff-filter=a refs/heads/baseline -- "$@" > /tmp/changed
${PUT_BACK}`;

/** Prints the difference that the digest is taken of. */
const TELL = 'git diff-index --cached --raw -z --no-abbrev --no-renames refs/heads/baseline\n';

/** Gives a file of the tree, `$1`, the content on stdin and the mode `$2`. */
export const REWRITE = `set -eu
cd "$GIT_WORK_TREE"
rm -f "./$1"
cat > "./$1"
chmod "$2" "./$1"
git --literal-pathspecs add -f -- "$1"
`;

/** Puts a file of ours, `$1`, into the tree with the content on stdin, whatever lies there. */
export const PLACE = `set -eu
cd "$GIT_WORK_TREE"
rm -rf "./$1"
case $1 in */*) mkdir -p "./\${1%/*}" ;; esac
cat > "./$1"
chmod 644 "./$1"
`;

// Git puts files back as root's; they belong to whom the code under test runs as, and so does its .git, which git
// would not trust otherwise.
const GIVE_BACK = `
find "$GIT_WORK_TREE" -xdev ! -uid "$uid" -exec chown -h "$uid:$uid" {} +
`;

// A patch may bring such files, too: in text it would be seen what they do.
const DERIVED = `set -eu
find "$GIT_WORK_TREE" -xdev '(' -name __pycache__ -prune -o -name '*.py[co]' ')' -exec rm -rf {} +
`;

// The agent's own .git may hold hooks and settings that run when the script calls git: it is replaced where it
// differs. A change time can't be set by hand, so an untouched one shows the lower's.
const OWN_GIT = `set -eu
# What can't be listed is no equal of anything.
listing() { (cd "$1" && find . -printf '%P %y %s %m %C@ %l\\n' || echo "$2") 2>/dev/null | LC_ALL=C sort; }
listing /run/codeset-base/.git before > /tmp/git-before
listing "$GIT_WORK_TREE/.git" after > /tmp/git-after
if [ -L "$GIT_WORK_TREE/.git" ] || ! cmp -s /tmp/git-before /tmp/git-after; then
  rm -rf "$GIT_WORK_TREE/.git"
  if [ -d /run/codeset-base/.git ]; then cp -a /run/codeset-base/.git "$GIT_WORK_TREE/.git"; fi
fi
`;

// Build tools take what is newer for made from what is older: nothing of the subject's may be newer than what the
// verification brings.
const NOT_AHEAD = `set -eu
touch /tmp/now
find "$GIT_WORK_TREE" -xdev -newer /tmp/now -exec touch -h {} +
`;

/** Prints what differs. Its arguments: who owns the tree, then what is put back. */
export function judge(kind: 'session' | 'patch', restores: boolean): string {
  const steps = [
    'uid=$1\nshift\n',
    DERIVED,
    ...(kind === 'session' ? [OWN_GIT, NOT_AHEAD] : []),
    restores ? RESTORE : TAKE,
    TELL,
    GIVE_BACK,
  ];
  return steps.join('');
}

/**
 * Puts back the paths on stdin, after `-` one to take away, after `+` one to restore, and prints what differs then.
 * Its argument: who owns the tree.
 */
export const PUT_BACK_NAMED = `set -eu
uid=$1
cd "$GIT_WORK_TREE"
cat > /tmp/named
sed -z -n 's/^-//p' /tmp/named > /tmp/planted
sed -z -n 's/^+//p' /tmp/named > /tmp/changed
${PUT_BACK}${TELL}${GIVE_BACK}`;
