import { failedPrecondition } from '../../core/errors.js';
import type { Layers } from './layers.js';

/** mount(2) takes a page of options, the last byte a NUL. */
const PAGE = 4000;
/** The kernel takes 500; each makes every look for a name that is not there a little slower. */
const MOST_LAYERS = 32;

/** `redirect_dir`: renames of a lower's folder work only so; index and metacopy would tie an upper to this mount. */
const KIND = 'redirect_dir=on,index=off,metacopy=off';
/** A rootless daemon's kernel lets nobody write the other kind of marks, and folders of a lower can't be renamed. */
const USER_KIND = 'userxattr,index=off,metacopy=off';

/** A folder of the store, below what no layer is: an overlay wants a lower. */
export const EMPTY = 'empty';

/** What of some layers is seen, relative to the store, lowest first: one that shows everything hides the rest. */
export function lowersOf(layers: Layers, layerIds: readonly string[]): readonly string[] {
  const whole = layerIds.findLastIndex((layerId) => layers.find(layerId)?.whole === true);
  const shown = layerIds.slice(Math.max(0, whole)).map((layerId) => layers.tree(layerId));
  return whole >= 0 ? shown : [EMPTY, ...shown];
}

export interface WorkspaceStack {
  /** Where the store lies for the daemon. */
  readonly mountpoint: string;
  /** Relative to the store, lowest first; at least one. */
  readonly lowers: readonly string[];
  /** Relative to the store. */
  readonly box: string;
  /** The daemon's kernel: `6.1.0-18-amd64`. */
  readonly kernel: string;
  /** Marks of overlays are kept in attributes of the users': the daemon's. */
  readonly userMarks: boolean;
}

/** What the daemon mounts as a workspace. */
export function overlayOptions({ mountpoint, lowers, box, kernel, userMarks }: WorkspaceStack): string {
  if (/[,:\\]/.test(mountpoint)) {
    throw failedPrecondition(
      'ENGINE_UNSUPPORTED',
      "Docker's data folder has a comma, colon or backslash in its name, which overlays can't have: move it.",
    );
  }
  const at = (path: string): string => `${mountpoint}/${path}`;
  const options = [
    'nosuid,nodev',
    `lowerdir=${[...lowers].reverse().map(at).join(':')}`,
    `upperdir=${at(`${box}/upper`)}`,
    `workdir=${at(`${box}/work`)}`,
    userMarks ? USER_KIND : KIND,
    // An upper never outlives its mount, so there is nothing to bring to the disk at its end.
    ...(knowsVolatile(kernel) ? ['volatile'] : []),
  ].join(',');
  if (options.length > PAGE) {
    throw failedPrecondition(
      'ENGINE_UNSUPPORTED',
      'This sandbox is made of more layers than the kernel can mount at once; make a new version of the sample with fewer set-up steps.',
    );
  }
  return options;
}

/** As many layers as a page of options names, when the store lies at `mountpoint`. */
export function mostLayers(mountpoint: string): number {
  const each = mountpoint.length + '/l/123456789012/tree:'.length;
  const fixed = 160 + 2 * (mountpoint.length + '/b//upper'.length + 128) + each;
  return Math.max(2, Math.min(MOST_LAYERS, Math.floor((PAGE - fixed) / each)));
}

/** Since 5.10. */
function knowsVolatile(kernel: string): boolean {
  const [major = 0, minor = 0] = kernel.split(/[.-]/).map(Number);
  return major > 5 || (major === 5 && minor >= 10);
}
