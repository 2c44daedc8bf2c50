import { isUnavailable } from './engine-slot.js';
import { CodesetError } from './errors.js';
import type { Engine } from './ports/engine.js';
import { TreeUnusable } from './trees.js';
import type { WorkSandbox, WorkSpec, Workshop } from './work-sandbox.js';

/**
 * A sandbox over what a subject left outside its workspace. Where none can be made, that may be anybody's fault: one
 * over what the sample has tells, and another try, since a machine has bad moments.
 *
 * @param work as the sample has it @param root the subject's layers
 * @throws TreeUnusable when it is the subject's.
 */
export async function openOverSubject(
  { engine, workshop }: { readonly engine: Engine; readonly workshop: Workshop },
  work: WorkSpec,
  root: readonly string[],
  signal: AbortSignal,
): Promise<WorkSandbox> {
  const open = (): Promise<WorkSandbox> => workshop.open({ ...work, rootLayers: root }, signal);
  try {
    return await open();
  } catch (error) {
    if (signal.aborted || isOurs(error) || !(await allThere(engine, root))) throw error;
  }
  const control = await workshop.open(work, signal);
  await control[Symbol.asyncDispose]();
  try {
    return await open();
  } catch (error) {
    if (signal.aborted || isOurs(error)) throw error;
    const why = error instanceof CodesetError ? error.message : 'the engine fails at it.';
    throw new TreeUnusable(`No sandbox can be made of what the subject left: ${why}`);
  }
}

function isOurs(error: unknown): boolean {
  return isUnavailable(error) || (error instanceof CodesetError && error.reason === 'DISK_FULL');
}

async function allThere(engine: Engine, layers: readonly string[]): Promise<boolean> {
  const there = await Promise.all(layers.map((layer) => engine.hasLayer(layer)));
  return there.every(Boolean);
}
