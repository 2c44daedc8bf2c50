import type { Ground } from '../core/environment.js';
import { jsonIn } from './columns.js';

/** The column of what an environment came down to. */
export function groundOut(ground: Ground | undefined): { readonly ground: string | null } {
  return { ground: ground === undefined ? null : JSON.stringify(ground) };
}

export function groundIn(text: string | null): Ground | undefined {
  return text === null ? undefined : jsonIn<Ground>(text);
}

/** Where it is known from the first. */
export function knownGroundIn(text: string | null): Ground {
  const ground = groundIn(text);
  if (ground === undefined) throw new Error('What is stored has no ground.');
  return ground;
}
