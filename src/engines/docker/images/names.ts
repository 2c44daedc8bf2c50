import { createHash } from 'node:crypto';
import { LABEL } from '../names.js';

/** What an image of ours is for; the first word of its tag. */
export type ImageKind = 'pull' | 'build' | 'ground' | 'toolbox';

/** The purpose of containers and images that stand for no sandbox: they are only steps to an image. */
export const IMAGE_PURPOSE = 'image';
/** On a ground image: the id of the image that it was made of. */
export const GROUND_LABEL = 'codeset.ground';

/** Repository of this service's own tags, which no registry has. */
export function ownRepository(owner: string): string {
  return `codeset/${owner}`;
}

/** @param key what makes it this image and no other */
export function ownTag(kind: ImageKind, key: string): string {
  return `${kind}-${createHash('sha256').update(key).digest('hex').slice(0, 40)}`;
}

export function ownLabels(owner: string): Readonly<Record<string, string>> {
  return { [LABEL.owner]: owner, [LABEL.purpose]: IMAGE_PURPOSE };
}
