import { mkdir, mkdtemp, readdir, readFile, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { failedPrecondition } from '../../core/errors.js';
import { type Ids, runInside } from './ids.js';
import { removeTree } from './trees-on-disk.js';

const OVERLAYFS = 0x794c7630;
const NFS = 0x6969;

export interface OverlayFeatures {
  /** Skips syncing an upper that never outlives its mount. */
  readonly volatile: boolean;
  /** An ordinary user's: marks are kept in attributes of the users', and folders of a lower can't be renamed. */
  readonly userMarks: boolean;
  /** rename(2) of a folder that a lower has works; where not, it says EXDEV, and tools copy. */
  readonly renamesFolders: boolean;
}

/**
 * Mount options with paths relative to the data folder: mount(2) takes one page of options, so short names let a
 * stack be deep, and no character of the data folder's own path can be taken for a separator.
 * @param lowers lowest first
 */
export function overlayOptions(
  lowers: readonly string[],
  upper: string,
  work: string,
  features: OverlayFeatures,
): string {
  const options = [
    `lowerdir=${[...lowers].reverse().join(':')}`,
    `upperdir=${upper}`,
    `workdir=${work}`,
    // Renames of a lower's folder work only so; index and metacopy would tie an upper to this mount.
    features.userMarks ? 'userxattr' : 'redirect_dir=on',
    'index=off',
    'metacopy=off',
    ...(features.volatile ? ['volatile'] : []),
  ].join(',');
  return checkedLength(options);
}

/** mount(2) takes a page, and cuts what is longer without a word. */
function checkedLength(options: string): string {
  if (options.length > 4000) {
    throw failedPrecondition(
      'ENGINE_UNSUPPORTED',
      'This sandbox is made of more layers than the kernel can mount at once; make a new version of the sample with fewer set-up steps.',
    );
  }
  return options;
}

/** Options of a mount that only shows a stack. @param lowers lowest first, relative to the data folder; at least two */
export function readOnlyOverlay(lowers: readonly string[], userMarks: boolean): string {
  const marks = userMarks ? 'userxattr' : 'redirect_dir=follow';
  return checkedLength(
    `ro,nosuid,nodev,lowerdir=${[...lowers].reverse().join(':')},${marks},index=off,metacopy=off`,
  );
}

const PROBE_FOLDER = '.probe-';

// The number of a folder tells a rename from the copy that mv makes where there is none.
const PROBE = `
mount -t overlay -o "$1" overlay merged || exit 1
before=$(stat -c %i merged/d) && mv merged/d merged/e && test -f merged/e/f && test ! -e merged/d &&
  rm -r merged/g && test ! -e merged/g && after=$(stat -c %i merged/e)
ok=$?
umount merged
[ "$before" = "$after" ] && echo renames
exit $ok`;

/** Does what tools do that overlays get wrong where they are half-supported. Throws ENGINE_UNSUPPORTED. */
export async function probeOverlay(dataDir: string, ids: Ids): Promise<OverlayFeatures> {
  const kind = (await statfs(dataDir)).type;
  if (kind === OVERLAYFS || kind === NFS) {
    throw failedPrecondition(
      'ENGINE_UNSUPPORTED',
      `The data folder lies on ${kind === NFS ? 'NFS' : 'an overlay file system (as in a container)'}, where sandboxes can't keep what they write: name one on a local disk with --data-dir.`,
    );
  }
  // A life that was killed in the middle of this left its own.
  for (const name of await readdir(dataDir)) {
    if (!name.startsWith(PROBE_FOLDER)) continue;
    const left = join(dataDir, name);
    for (const mount of [...(await mountsBelow(left))].reverse())
      await runInside(ids, ['umount', '-l', mount]);
    await removeTree(ids, left);
  }
  const folder = await mkdtemp(join(dataDir, PROBE_FOLDER));
  try {
    for (const name of ['lower/d', 'lower/g/h', 'upper', 'work', 'merged'])
      await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, 'lower/d/f'), 'x');
    for (const name of ['upper', 'work']) await ids.own(join(folder, name), 0);
    const userMarks = !ids.root;
    let said = '';
    for (const volatile of [true, false]) {
      const options = { volatile, userMarks, renamesFolders: false };
      const result = await runInside(
        ids,
        ['sh', '-c', PROBE, 'sh', overlayOptions(['lower'], 'upper', 'work', options)],
        { cwd: folder },
      );
      const renamesFolders = result.stdout.includes('renames');
      if (result.code === 0 && (renamesFolders || userMarks)) return { ...options, renamesFolders };
      said = result.stderr.trim().split('\n')[0] ?? '';
      await removeTree(ids, join(folder, 'work', 'work'));
      await removeTree(ids, join(folder, 'upper', 'e'));
    }
    throw failedPrecondition(
      'ENGINE_UNSUPPORTED',
      userMarks
        ? `An ordinary user can't mount overlays here (${said}): this takes Linux 5.11, user namespaces that everybody may make, and a data folder on ext4, xfs or btrfs. Allow them, or start the service as root.`
        : "The kernel can't mount overlays with redirect_dir in the data folder: use another file system (ext4, xfs, btrfs) or a newer kernel.",
    );
  } finally {
    await removeTree(ids, folder);
  }
}

/** Mount points at or below `folder`, deepest last. */
export async function mountsBelow(folder: string): Promise<readonly string[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8');
  const found: string[] = [];
  for (const line of text.split('\n')) {
    const path = line
      .split(' ')[4]
      ?.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
    if (path !== undefined && (path === folder || path.startsWith(`${folder}/`))) found.push(path);
  }
  return found;
}
