import { chown, mkdir, mkdtemp, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { failedPrecondition } from '../../core/errors.js';
import { run } from './command.js';

const OVERLAYFS = 0x794c7630;
const NFS = 0x6969;

export interface OverlayFeatures {
  /** Skips syncing an upper that never outlives its mount. */
  readonly volatile: boolean;
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
    'redirect_dir=on',
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
export function readOnlyOverlay(lowers: readonly string[]): string {
  return checkedLength(
    `ro,nosuid,nodev,lowerdir=${[...lowers].reverse().join(':')},redirect_dir=follow,index=off,metacopy=off`,
  );
}

/** Does what tools do that overlays get wrong where they are half-supported. Throws ENGINE_UNSUPPORTED. */
export async function probeOverlay(dataDir: string, hostIdBase: number): Promise<OverlayFeatures> {
  const kind = (await statfs(dataDir)).type;
  if (kind === OVERLAYFS || kind === NFS) {
    throw failedPrecondition(
      'ENGINE_UNSUPPORTED',
      `The data folder lies on ${kind === NFS ? 'NFS' : 'an overlay file system (as in a container)'}, where sandboxes can't keep what they write: name one on a local disk with --data-dir.`,
    );
  }
  const folder = await mkdtemp(join(dataDir, '.probe-'));
  try {
    for (const name of ['lower/d', 'upper', 'work', 'merged'])
      await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, 'lower/d/f'), 'x');
    for (const name of ['upper', 'work']) await chown(join(folder, name), hostIdBase, hostIdBase);
    for (const features of [{ volatile: true }, { volatile: false }]) {
      const result = await run(
        'sh',
        [
          '-c',
          'mount -t overlay -o "$1" overlay merged && { mv merged/d merged/e && test -f merged/e/f && test ! -e merged/d; ok=$?; umount merged; exit $ok; }',
          'sh',
          overlayOptions(['lower'], 'upper', 'work', features),
        ],
        { cwd: folder },
      );
      if (result.code === 0) return features;
      await rm(join(folder, 'work', 'work'), { recursive: true, force: true });
    }
    throw failedPrecondition(
      'ENGINE_UNSUPPORTED',
      "The kernel can't mount overlays with redirect_dir in the data folder: use another file system (ext4, xfs, btrfs) or a newer kernel.",
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
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
