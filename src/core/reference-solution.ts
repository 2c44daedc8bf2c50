import { idAt } from './engine-ids.js';
import { commandEnv } from './command-env.js';
import { newId } from './ids.js';
import type { BlobStore } from './ports/blobs.js';
import type { Engine } from './ports/engine.js';
import type { SampleReader } from './ports/samples.js';
import type { SampleCatalog } from './sample-catalog.js';
import { environmentOf, type SampleVersion } from './sample.js';
import { TreeUnusable, type Trees } from './trees.js';
import { SandboxSpent, type WorkSandbox, type Workshop } from './work-sandbox.js';

const SOLUTION_DIR = '/run/codeset-solution';
/** Of what `apply` says, the end that an error tells. */
const MAX_TOLD = 2000;

/** The sample brings a reference solution that does not work. The message says why. */
export class ReferenceUnusable extends Error {
  override readonly name = 'ReferenceUnusable';
}

/** The reference solutions of samples as patches. They are in no sandbox that holds a session's files. */
export class ReferenceSolution {
  readonly #blobs: BlobStore;
  readonly #engine: Engine;
  readonly #reader: SampleReader;
  readonly #catalog: SampleCatalog;
  readonly #workshop: Workshop;
  readonly #trees: Trees;

  constructor(parts: {
    blobs: BlobStore;
    engine: Engine;
    reader: SampleReader;
    catalog: SampleCatalog;
    workshop: Workshop;
    trees: Trees;
  }) {
    this.#blobs = parts.blobs;
    this.#engine = parts.engine;
    this.#reader = parts.reader;
    this.#catalog = parts.catalog;
    this.#workshop = parts.workshop;
    this.#trees = parts.trees;
  }

  /**
   * `solution/solution.patch`, or what `solution/apply` changes in the workspace.
   * @param sample READY. @returns undefined for a sample without one. @throws ReferenceUnusable
   */
  async patch(sample: SampleVersion, signal: AbortSignal): Promise<Uint8Array | undefined> {
    if (!sample.hasSolution) return undefined;
    const { sampleId, version } = sample;
    return (await this.#catalog.solutionPatch({ sampleId, version })) ?? this.#applied(sample, signal);
  }

  async #applied(sample: SampleVersion, signal: AbortSignal): Promise<Uint8Array> {
    const id = newId('lay');
    const engine = sample.ground?.engine ?? '';
    const solution = idAt(engine, `solution-${id}`);
    const solved = idAt(engine, `solved-${id}`);
    try {
      await using upload = await this.#reader.read(await this.#blobs.get(sample.archiveBlob));
      await this.#engine.importLayer(solution, upload.solution());
      await this.#apply(sample, solution, solved, signal);
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

  async #apply(sample: SampleVersion, solution: string, solved: string, signal: AbortSignal): Promise<void> {
    const { resources, verification } = sample.manifest;
    const environment = environmentOf(sample);
    await using sandbox: WorkSandbox = await this.#workshop.open(
      {
        purpose: 'verification',
        environment,
        rootLayers: sample.layers.root,
        workspaceLayers: sample.layers.workspace,
        mounts: [{ layer: solution, path: SOLUTION_DIR }],
        resources,
        network: verification.network,
      },
      signal,
    );
    let told = '';
    const { exit, stderr } = await sandbox.run({
      argv: [`${SOLUTION_DIR}/apply`],
      cwd: environment.workdir,
      user: environment.user,
      env: {
        ...commandEnv(this.#engine, environment, verification.network, environment.user),
        CODESET_SOLUTION_DIR: SOLUTION_DIR,
      },
      timeoutMs: verification.timeoutMs,
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
    await sandbox.commit({ workspace: solved }, { lasting: false });
  }
}
