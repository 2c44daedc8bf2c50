import type { PlantedFiles } from './planted-files.js';
import { holdsSettings, settle } from './runner-settings.js';

/** A larger file of settings is put back whole. */
const MAX_SETTINGS_BYTES = 1024 * 1024;
/** Files of settings that are looked into; more are put back whole. */
const MAX_SETTINGS_FILES = 100;
/** How git writes the mode of a symbolic link. */
const LINK = '120000';
/** Files that a sentence names before it only counts them. */
const NAMED = 5;

/** A path of a tree that differs from the sample's. */
interface Change {
  /** A byte a character, as git tells it. */
  readonly path: string;
  readonly planted: boolean;
  readonly deleted: boolean;
  /** Octal, as git writes it. */
  readonly mode: string;
  readonly ownBlob: string;
  readonly blob: string;
}

/** What is done with a tree in its side sandbox. Paths are a byte a character. */
export interface TreeHands {
  /** The contents of git's objects, in order. */
  blobs(ids: readonly string[]): Promise<readonly Buffer[]>;
  rewrite(path: string, mode: string, text: string): Promise<void>;
  /** Takes away and puts back; gives what differs then. */
  putBack(removed: readonly string[], restored: readonly string[]): Promise<Buffer>;
}

/** What was put back, in words; '' for nothing. */
export interface PutBack {
  /** What differs now. */
  readonly raw: Buffer;
  readonly told: string;
}

/**
 * Puts back what a test runner would pick up by itself: planted files go, the sample's own come back, and files that
 * hold settings of runners among others get the sample's settings again.
 *
 * @param raw what differs from the sample, as `git diff-index --raw -z` prints it.
 */
export async function putBack(raw: Buffer, files: PlantedFiles, hands: TreeHands): Promise<PutBack> {
  const removed: string[] = [];
  const restored: string[] = [];
  const told: string[] = [];
  const whole = ({ path, planted }: Change): void => {
    (planted ? removed : restored).push(path);
    told.push(`${asText(path)} (${planted ? 'removed' : 'put back'})`);
  };
  const toSettle: Change[] = [];
  for (const change of changesIn(raw)) {
    const name = asText(change.path);
    if (files.isPickedUp(name, change.planted, change.mode === LINK)) whole(change);
    else if (holdsSettings(name) && !files.kept(name)) toSettle.push(change);
  }
  const [readable, others] = parted(toSettle.slice(0, MAX_SETTINGS_FILES), isReadable);
  for (const change of [...others, ...toSettle.slice(MAX_SETTINGS_FILES)]) whole(change);
  for (const { change, own, theirs } of await contents(readable, hands)) {
    const large = Math.max(own?.length ?? 0, theirs?.length ?? 0) > MAX_SETTINGS_BYTES;
    const settled = large ? ({ kind: 'whole' } as const) : settle(asText(change.path), own, theirs);
    if (settled.kind === 'whole') whole(change);
    if (settled.kind !== 'text') continue;
    await hands.rewrite(change.path, change.mode.endsWith('755') ? '755' : '644', settled.text);
    told.push(`${asText(change.path)} (its settings of test runners)`);
  }
  if (told.length === 0) return { raw, told: '' };
  return { raw: await hands.putBack(removed, restored), told: sentence(told) };
}

function sentence(told: readonly string[]): string {
  const more = told.length > NAMED ? `, and ${told.length - NAMED} more` : '';
  return `Test runners would have picked up what is the sample’s to say, so this was judged as the sample has it: ${told.slice(0, NAMED).join(', ')}${more}.`;
}

/** A regular file with a name that is text, or one that was deleted. */
function isReadable({ path, deleted, mode }: Change): boolean {
  return !asText(path).includes('\ufffd') && (deleted || mode.startsWith('100'));
}

async function contents(
  changes: readonly Change[],
  hands: TreeHands,
): Promise<
  { readonly change: Change; readonly own: string | undefined; readonly theirs: string | undefined }[]
> {
  if (changes.length === 0) return [];
  const ids = changes.flatMap(({ planted, deleted, ownBlob, blob }) => [
    ...(planted ? [] : [ownBlob]),
    ...(deleted ? [] : [blob]),
  ]);
  const found = [...(await hands.blobs(ids))].map((content) => content.toString('utf8'));
  return changes.map((change) => ({
    change,
    own: change.planted ? undefined : found.shift(),
    theirs: change.deleted ? undefined : found.shift(),
  }));
}

function parted<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}

/** Header and path take turns, each ended by NUL. */
function changesIn(raw: Buffer): Change[] {
  const words = raw.toString('latin1').split('\0');
  const changes: Change[] = [];
  for (let at = 0; at + 1 < words.length; at += 2) {
    const [, mode = '', ownBlob = '', blob = '', status] = (words[at] ?? '').split(' ');
    const path = words[at + 1] ?? '';
    changes.push({ path, mode, ownBlob, blob, planted: status === 'A', deleted: status === 'D' });
  }
  return changes;
}

function asText(path: string): string {
  return Buffer.from(path, 'latin1').toString('utf8');
}
