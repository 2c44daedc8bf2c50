import type { AuditArea, AuditFinding, LeakKind } from './audit.js';
import type { Piece } from './leak-pieces.js';

/** Pieces that one place of a session holds. */
export interface Sighting {
  readonly area: AuditArea;
  readonly path: string;
  /** Indices of pieces. */
  readonly found: ReadonlySet<number>;
  /**
   * `base`: of the commit that the session's HEAD is at, or the file of it. `past`: of a commit before. `loose`: no
   * branch or tag leads there. Undefined for what git does not know.
   */
  readonly git?: 'base' | 'past' | 'loose';
}

const KINDS: readonly LeakKind[] = ['SOLUTION', 'HIDDEN_FILE', 'EXPECTED_VALUE', 'TEST_NAME'];
/** As many pieces of one kind in one place are no chance, and neither is half of all of a file's. */
const MANY = 3;
const MANY_BYTES = 72;
/** A single piece of that many bytes is hardly ever somebody else's. */
const LONG_BYTES = 24;
/** Outside of the workspace; a leak is hardly ever copied that often. */
const COMMON_FILES = 8;
const MAX_EXCERPT = 200;

/**
 * What sightings amount to, leaks first. What the base commit says is in the task's open, so it counts nowhere; but for
 * a whole part of the solution that lies in one of its files.
 */
export function leakFindings(
  pieces: readonly Piece[],
  sightings: readonly Sighting[],
): readonly AuditFinding[] {
  const known = new Set<number>();
  for (const { git, area, found } of sightings)
    if (git === 'base' && area === 'GIT') for (const index of found) known.add(index);
  for (const index of common(sightings)) known.add(index);
  const totals = bySource(pieces, pieces.keys());
  const findings: AuditFinding[] = [];
  for (const sighting of sightings) {
    if (sighting.area === 'GIT' && sighting.git === 'base') continue;
    for (const kind of KINDS) {
      if (sighting.area === 'TASK' && kind !== 'SOLUTION' && kind !== 'HIDDEN_FILE') continue;
      const ofKind = [...sighting.found].filter((index) => pieces[index]?.kind === kind);
      const fresh = ofKind.filter((index) => !known.has(index));
      const open = fresh.length === 0 && kind === 'SOLUTION' && sighting.git === 'base';
      const finding = findingOf(sighting, kind, open ? ofKind : fresh, { pieces, totals, open });
      if (finding !== undefined) findings.push(finding);
    }
  }
  const rank = ({ hint, kind }: AuditFinding): number => (hint ? KINDS.length : 0) + KINDS.indexOf(kind);
  return findings.sort((a, b) => rank(a) - rank(b) || b.pieces - a.pieces || (a.path < b.path ? -1 : 1));
}

/** What many files of toolchains and packages have is everybody's. */
function* common(sightings: readonly Sighting[]): Iterable<number> {
  const counts = new Map<number, number>();
  for (const { area, found } of sightings)
    if (area === 'OUTSIDE') for (const index of found) counts.set(index, (counts.get(index) ?? 0) + 1);
  for (const [index, count] of counts) if (count >= COMMON_FILES) yield index;
}

/** @param open that all of it stands in the base commit, too */
function findingOf(
  sighting: Sighting,
  kind: LeakKind,
  found: readonly number[],
  {
    pieces,
    totals,
    open,
  }: {
    readonly pieces: readonly Piece[];
    readonly totals: ReadonlyMap<string, number>;
    readonly open: boolean;
  },
): AuditFinding | undefined {
  const texts = found.map((index) => pieces[index]?.text ?? Buffer.alloc(0));
  const longest = texts.reduce((most, text) => (text.length > most.length ? text : most), Buffer.alloc(0));
  const bytes = texts.reduce((sum, { length }) => sum + length, 0);
  let source = '';
  let most = 0;
  for (const [key, count] of bySource(pieces, found)) if (count > most) [source, most] = [key, count];
  if (most === 0) return undefined;
  const half = most * 2 >= (totals.get(source) ?? 0);
  const many = found.length >= MANY && bytes >= MANY_BYTES;
  const long = longest.length >= LONG_BYTES;
  // Of so many files one has a line of the same words.
  if (sighting.area === 'OUTSIDE' && kind !== 'TEST_NAME' && !many && !long) return undefined;
  // Code that looks like the rest of its codebase is the rule.
  if (open && !(half && (many || long))) return undefined;
  const leak = open ? many && half : many || (half && long);
  const { area, path } = sighting;
  return {
    kind,
    hint: kind === 'TEST_NAME' || !leak,
    area,
    path,
    source: source.slice(source.indexOf(' ') + 1),
    pieces: found.length,
    excerpt: longest.toString().slice(0, MAX_EXCERPT),
    closedBy: closedBy(sighting),
  };
}

/** How many pieces each file of the solution and of the verification has among these. */
function bySource(pieces: readonly Piece[], indices: Iterable<number>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const index of indices) {
    const piece = pieces[index];
    for (const source of piece?.sources ?? []) {
      const key = `${piece?.kind ?? ''} ${source}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return counts;
}

function closedBy({ area, git }: Sighting): string {
  switch (area) {
    case 'TASK':
      return 'Say in task.md what is wanted, and not how it is written.';
    case 'ENVIRONMENT':
      return 'Take the variable out of environment.env, or out of the image (ENV).';
    case 'OUTSIDE':
      return 'Have the image or the line of setup or prepare that brings it remove it, or install a version from before the solution.';
    case 'GIT':
      return git === 'past'
        ? 'The past of the codebase shows it: `history: squashed` in sample.yaml keeps the past from sessions.'
        : 'A commit, tag or loose object that prepare made or fetched holds it: end prepare with removing that reference, `git reflog expire --expire=now --all` and `git gc --prune=now`.';
    case 'WORKSPACE':
      return git === 'base'
        ? 'Take it out of the codebase, or base the sample on a commit that does not have it.'
        : 'Have the line of prepare that makes the file remove it, or take the file out of the codebase.';
  }
}
