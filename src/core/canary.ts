import { randomBytes } from 'node:crypto';
import type { CanarySpec, VerificationSpec } from './sample.js';

/** What stands for the nonce in a canary's path, content and names. */
export const NONCE_MARK = '{{nonce}}';

/** Part of names in every language: letters and digits, a letter first. */
export function newNonce(): string {
  return `c${randomBytes(8).toString('hex')}`;
}

function filled(text: string, nonce: string): string {
  return text.replaceAll(NONCE_MARK, nonce);
}

/** The canary's file of one run. */
export function canaryFile(
  { canary }: VerificationSpec,
  nonce: string,
): { path: string; content: string } | undefined {
  if (canary === undefined) return undefined;
  return { path: filled(canary.path, nonce), content: filled(canary.content, nonce) };
}

/** Names of its tests in one run; empty: the sample does not say. */
export function canaryTests({ tests }: CanarySpec, nonce: string): readonly string[] {
  return tests.map((name) => filled(name, nonce));
}
