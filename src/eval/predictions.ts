import { createHash } from 'node:crypto';
import type { Attempt, EvalSample } from './attempt.js';
import { RunFolderError } from './run-folder.js';

/** Patches by the sample's id as its origin spells it, in the order of the file. */
export interface Predictions {
  readonly patches: ReadonlyMap<string, readonly string[]>;
  /** SHA-256 of the file, in hexadecimal digits. */
  readonly digest: string;
  /** Entries that can't be taken, a sentence each. */
  readonly bad: readonly string[];
}

/**
 * Reads SWE-bench predictions: JSON lines, a JSON array, or an object by instance id; each `instance_id` and
 * `model_patch`, which may be null. Several of one instance are attempts at it.
 * @throws RunFolderError when the file is none of these
 */
export function readPredictions(text: string, file: string): Predictions {
  const patches = new Map<string, string[]>();
  const bad: string[] = [];
  for (const [where, entry] of entriesOf(text, file, bad)) {
    const { instance_id: id, model_patch: patch = null } = (entry ?? {}) as Record<string, unknown>;
    if (typeof id !== 'string' || id === '') bad.push(`${where}: has no instance_id`);
    else if (patch !== null && typeof patch !== 'string')
      bad.push(`${where}: model_patch of ${id} is no text`);
    else patches.set(id, [...(patches.get(id) ?? []), ended(patch ?? '')]);
  }
  if (patches.size === 0 && bad.length === 0) throw new RunFolderError(`${file} has no predictions.`);
  return { patches, bad, digest: createHash('sha256').update(text).digest('hex') };
}

/** Models often leave the last newline out, without which git takes no patch. */
const ended = (patch: string): string => (patch === '' || patch.endsWith('\n') ? patch : `${patch}\n`);

function entriesOf(text: string, file: string, bad: string[]): readonly (readonly [string, unknown])[] {
  const whole = parsed(text);
  if (Array.isArray(whole)) return whole.map((entry, i) => [`${file}[${i}]`, entry]);
  if (typeof whole === 'object' && whole !== null && !('instance_id' in whole))
    return Object.entries(whole).map(([id, entry]) => [
      `${file}[${id}]`,
      typeof entry === 'object' && entry !== null
        ? { instance_id: id, ...entry }
        : { instance_id: id, model_patch: entry },
    ]);
  return text.split('\n').flatMap((line, i) => {
    if (line.trim() === '') return [];
    const entry = parsed(line);
    if (entry === undefined) bad.push(`${file}:${i + 1}: is not JSON`);
    return entry === undefined ? [] : [[`${file}:${i + 1}`, entry] as const];
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The prediction for an attempt; undefined: the file has none. */
export function predictionFor({ patches }: Predictions, { sample, number }: Attempt): string | undefined {
  return patchesFor(patches, sample)[number - 1];
}

/** Whichever way the file spells the sample. */
export function patchesFor(
  patches: Predictions['patches'],
  { sampleId, sourceId }: EvalSample,
): readonly string[] {
  const found = patches.get(sourceId) ?? patches.get(sampleId);
  if (found !== undefined) return found;
  for (const [id, list] of patches) if (id.toLowerCase() === sampleId) return list;
  return [];
}
