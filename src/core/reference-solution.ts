import { idAt } from './engine-ids.js';
import { commandEnv } from './command-env.js';
import { newId } from './ids.js';
import { KEPT_LAYER, type LayerKeeper } from './layer-keeper.js';
import type { BlobStore } from './ports/blobs.js';
import type { Engine } from './ports/engine.js';
import type { SampleReader } from './ports/samples.js';
import type { SampleCatalog } from './sample-catalog.js';
import { environmentOf, type SampleVersion } from './sample.js';
import type { AskedSubject } from './subject-keeper.js';
import { TreeUnusable, type Trees } from './trees.js';
import { SandboxSpent, type WorkSandbox, type Workshop } from './work-sandbox.js';

const SOLUTION_DIR = '/run/codeset-solution';
/** Outside the workspace a solution installs things, what no verification does. */
const LONGEST_INSTALL_MS = 30 * 60_000;
/** Of what `apply` says, the end that an error tells. */
const MAX_TOLD = 2000;

/** The sample brings a reference solution that does not work. The message says why. */
export class ReferenceUnusable extends Error {
  override readonly name = 'ReferenceUnusable';
}

/**
 * What a sample's solution is: a patch, `solution/solution.patch` or what `solution/apply` changes in the workspace; or
 * a program, `solution/apply`, that may change all of the file system, as the sample's scope says.
 */
export type FoundSolution =
  { readonly kind: 'patch'; readonly diff: Uint8Array } | { readonly kind: 'program' };

/** Something to verify; disposed when its verification has ended, or there will be none. */
export interface ReferenceSubject extends Disposable {
  readonly asked: AskedSubject;
}

/** The reference solutions of samples. They are in no sandbox that holds a session's files. */
export class ReferenceSolution {
  readonly #blobs: BlobStore;
  readonly #engine: Engine;
  readonly #reader: SampleReader;
  readonly #catalog: SampleCatalog;
  readonly #workshop: Workshop;
  readonly #trees: Trees;
  readonly #keeper: LayerKeeper;

  constructor(parts: {
    blobs: BlobStore;
    engine: Engine;
    reader: SampleReader;
    catalog: SampleCatalog;
    workshop: Workshop;
    trees: Trees;
    keeper: LayerKeeper;
  }) {
    this.#blobs = parts.blobs;
    this.#engine = parts.engine;
    this.#reader = parts.reader;
    this.#catalog = parts.catalog;
    this.#workshop = parts.workshop;
    this.#trees = parts.trees;
    this.#keeper = parts.keeper;
  }

  /**
   * Makes something to verify of the solution, for each run anew where it is no patch: of a sample whose scope is
   * FILESYSTEM it is what `solution/apply` changes anywhere.
   * @param sample READY. @returns undefined for a sample without one. @throws ReferenceUnusable, and so does what is returned
   */
  async subjects(
    sample: SampleVersion,
    signal: AbortSignal,
  ): Promise<((signal: AbortSignal) => Promise<ReferenceSubject>) | undefined> {
    const found = await this.found(sample, signal);
    if (found === undefined) return undefined;
    if (found.kind === 'program') return (given) => this.#solved(sample, given);
    const asked = { kind: 'patch', sample: nameOf(sample), diff: found.diff } as const;
    return () => Promise.resolve({ asked, [Symbol.dispose]: () => undefined });
  }

  /** @param sample READY. @returns undefined for a sample without one. @throws ReferenceUnusable */
  async found(sample: SampleVersion, signal: AbortSignal): Promise<FoundSolution | undefined> {
    if (!sample.hasSolution) return undefined;
    const written = await this.#catalog.solutionPatch(nameOf(sample));
    if (written !== undefined) return { kind: 'patch', diff: written };
    if (sample.manifest.verification.scope === 'FILESYSTEM') return { kind: 'program' };
    return { kind: 'patch', diff: await this.#applied(sample, signal) };
  }

  async #solved(sample: SampleVersion, signal: AbortSignal): Promise<ReferenceSubject> {
    const id = newId('lay');
    const engine = sample.ground?.engine ?? '';
    const solution = idAt(engine, `solution-${id}`);
    const workspace = idAt(engine, `${KEPT_LAYER}${id}`);
    const root = idAt(engine, `${KEPT_LAYER}${id}-root`);
    const hold = this.#keeper.hold([workspace, root]);
    // The verification lets go of them too; what comes last finds them gone.
    const letGo = (): void => {
      hold[Symbol.dispose]();
      this.#keeper.release([workspace, root]);
    };
    try {
      await using upload = await this.#reader.read(await this.#blobs.get(sample.archiveBlob));
      await this.#engine.importLayer(solution, upload.solution());
      await this.#apply(sample, solution, { workspace, root }, signal);
      const asked = { kind: 'solved', sample: nameOf(sample), workspace, root } as const;
      return { asked, [Symbol.dispose]: letGo };
    } catch (error) {
      letGo();
      if (!(error instanceof SandboxSpent)) throw error;
      throw new ReferenceUnusable(`What solution/apply made can't be used. ${error.message}`);
    } finally {
      await this.#engine.deleteLayer(solution);
    }
  }

  async #applied(sample: SampleVersion, signal: AbortSignal): Promise<Uint8Array> {
    const id = newId('lay');
    const engine = sample.ground?.engine ?? '';
    const solution = idAt(engine, `solution-${id}`);
    const solved = idAt(engine, `solved-${id}`);
    try {
      await using upload = await this.#reader.read(await this.#blobs.get(sample.archiveBlob));
      await this.#engine.importLayer(solution, upload.solution());
      await this.#apply(sample, solution, { workspace: solved }, signal);
      return await this.#trees.patch(sample.layers.baseline, [...sample.layers.workspace, solved], signal);
    } catch (error) {
      if (!(error instanceof TreeUnusable || error instanceof SandboxSpent)) throw error;
      throw new ReferenceUnusable(`What solution/apply made can't be used. ${error.message}`);
    } finally {
      // Whatever a killed service leaves of them goes at its next start: nothing on record names them.
      await this.#engine.deleteLayer(solution);
      await this.#engine.deleteLayer(solved);
    }
  }

  /** @param solved what becomes of the workspace, and of all else where that is wanted */
  async #apply(
    sample: SampleVersion,
    solution: string,
    solved: { readonly workspace: string; readonly root?: string },
    signal: AbortSignal,
  ): Promise<void> {
    const { resources, verification } = sample.manifest;
    const environment = environmentOf(sample);
    const isWhole = solved.root !== undefined;
    // What an agent could install, the solution can.
    const network = isWhole && environment.network === 'public' ? 'public' : verification.network;
    await using sandbox: WorkSandbox = await this.#workshop.open(
      {
        purpose: 'verification',
        environment,
        rootLayers: sample.layers.root,
        workspaceLayers: sample.layers.workspace,
        mounts: [{ layer: solution, path: SOLUTION_DIR }],
        resources,
        network,
      },
      signal,
    );
    let told = '';
    const { exit, stderr } = await sandbox.run({
      argv: [`${SOLUTION_DIR}/apply`],
      cwd: environment.workdir,
      user: environment.user,
      env: {
        ...commandEnv(this.#engine, environment, network, environment.user),
        CODESET_SOLUTION_DIR: SOLUTION_DIR,
      },
      timeoutMs: isWhole ? Math.max(verification.timeoutMs, LONGEST_INSTALL_MS) : verification.timeoutMs,
      onOutput: (data) => {
        told = (told + Buffer.from(data).toString()).slice(-MAX_TOLD);
      },
      signal,
    });
    if (exit.code !== 0) {
      const how =
        exit.code === undefined ? exit.message || (exit.signal ?? exit.reason) : `exit ${exit.code}`;
      const end = `${told}${stderr}`.trim().slice(-MAX_TOLD);
      throw new ReferenceUnusable(`solution/apply failed (${how})${end === '' ? '.' : `: ${end}`}`);
    }
    await sandbox.commit(solved, { lasting: false });
  }
}

function nameOf({ sampleId, version }: SampleVersion): {
  readonly sampleId: string;
  readonly version: number;
} {
  return { sampleId, version };
}
