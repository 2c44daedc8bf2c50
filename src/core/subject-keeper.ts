import { idAt } from './engine-ids.js';
import { CodesetError, failedPrecondition } from './errors.js';
import type { KeptBlobs } from './kept-blobs.js';
import { KEPT_LAYER, type LayerKeeper } from './layer-keeper.js';
import type { Engine } from './ports/engine.js';
import type { Log } from './ports/log.js';
import type { Storage } from './ports/storage.js';
import type { SampleCatalog, SampleName } from './sample-catalog.js';
import type { SampleVersion, VerificationScope } from './sample.js';
import type { SessionManager } from './session-manager.js';
import type { SessionSandboxes } from './session-sandboxes.js';
import type { Session, SessionSource } from './session.js';
import { layersOf, type Snapshots } from './snapshots.js';
import { judgedLayer } from './verification-judge.js';
import type { KeptSubject, Subject, Verification } from './verification.js';

const MAX_PATCH_BYTES = 64 * 1024 * 1024;

/** What a caller wants to have verified. */
export type AskedSubject =
  | { readonly kind: 'session'; readonly sessionId: string }
  | { readonly kind: 'snapshot'; readonly snapshotId: string }
  | { readonly kind: 'patch'; readonly sample: SampleName; readonly diff: Uint8Array }
  /** Layers over the sample's own, which go with the verification: a solution that is more than a patch. */
  | {
      readonly kind: 'solved';
      readonly sample: SampleName;
      readonly workspace: string;
      readonly root: string;
    };

/** A subject that is kept; disposed when the verification that needs it is on record. */
export interface HeldSubject extends Disposable {
  readonly sample: SampleVersion;
  readonly subject: Subject;
  readonly kept: KeptSubject;
  /** Of a patch; 0 for any other subject. */
  readonly patchBytes: number;
}

/**
 * Copies what is verified as it is at the moment of asking, and lets go of the copy when nothing needs it any more:
 * a queue, an expired session or a restart changes nothing of what is judged.
 */
export class SubjectKeeper {
  readonly #storage: Storage;
  readonly #blobs: KeptBlobs;
  readonly #engine: Engine;
  readonly #catalog: SampleCatalog;
  readonly #sessions: SessionManager;
  readonly #sandboxes: SessionSandboxes;
  readonly #snapshots: Snapshots;
  readonly #keeper: LayerKeeper;
  readonly #log: Log;

  constructor(parts: {
    storage: Storage;
    blobs: KeptBlobs;
    engine: Engine;
    catalog: SampleCatalog;
    sessions: SessionManager;
    sandboxes: SessionSandboxes;
    snapshots: Snapshots;
    keeper: LayerKeeper;
    log: Log;
  }) {
    this.#storage = parts.storage;
    this.#blobs = parts.blobs;
    this.#engine = parts.engine;
    this.#catalog = parts.catalog;
    this.#sessions = parts.sessions;
    this.#sandboxes = parts.sandboxes;
    this.#snapshots = parts.snapshots;
    this.#keeper = parts.keeper;
    this.#log = parts.log;
  }

  /**
   * @param scope undefined: the sample's own
   * @throws the fitting error when there is nothing to verify: no READY sample, no READY session of one.
   */
  keep(
    asked: AskedSubject,
    verificationId: string,
    scope: VerificationScope | undefined,
  ): Promise<HeldSubject> {
    switch (asked.kind) {
      case 'patch':
        return this.#patch(asked);
      case 'solved':
        return this.#solved(asked);
      case 'snapshot':
        return this.#snapshot(asked.snapshotId, scope);
      case 'session':
        return this.#session(asked, verificationId, scope);
    }
  }

  /** Whose verification it will be; it may have ended. @throws SESSION_NOT_FOUND, SNAPSHOT_NOT_FOUND */
  async sessionOf(asked: AskedSubject): Promise<Session | undefined> {
    if (asked.kind === 'patch' || asked.kind === 'solved') return undefined;
    const { sessionId } = asked.kind === 'session' ? asked : await this.#snapshots.get(asked.snapshotId);
    return this.#sessions.get(sessionId);
  }

  async #patch({ sample: name, diff }: AskedSubject & { readonly kind: 'patch' }): Promise<HeldSubject> {
    const sample = await this.#ready(name);
    const held = await this.#blobs.put(diff, MAX_PATCH_BYTES);
    return {
      sample,
      subject: { kind: 'patch', patchBlob: held.digest },
      kept: { kind: 'patch', blob: held.digest },
      patchBytes: held.bytes,
      [Symbol.dispose]: () => held[Symbol.dispose](),
    };
  }

  /** Whoever asks holds the layers until it is on record. */
  async #solved({
    sample: name,
    workspace,
    root,
  }: AskedSubject & { readonly kind: 'solved' }): Promise<HeldSubject> {
    const sample = await this.#ready(name);
    const { layers } = sample;
    return {
      sample,
      subject: { kind: 'patch', patchBlob: '' },
      kept: {
        kind: 'layers',
        workspace: [...layers.workspace, workspace],
        root: [...layers.root, root],
        own: [workspace, root],
      },
      patchBytes: 0,
      [Symbol.dispose]: () => undefined,
    };
  }

  async #ready(name: SampleName): Promise<SampleVersion> {
    const sample = await this.#catalog.settled(name);
    if (sample.state === 'READY') return sample;
    throw failedPrecondition('SAMPLE_NOT_READY', `The sample could not be prepared: ${sample.error}`);
  }

  async #session(
    subject: AskedSubject & { readonly kind: 'session' },
    verificationId: string,
    scope: VerificationScope | undefined,
  ): Promise<HeldSubject> {
    const { sessionId } = subject;
    const session = await this.#sessions.get(sessionId);
    const name = sampleOf(session.source);
    // Throws the fitting error unless the session is READY.
    await this.#sessions.execs(sessionId);
    const sample = await this.#catalog.get(name);
    // Closed meanwhile, what it stands on lasts until the verification that needs it is on record.
    const layer = idAt(session.engine, `${KEPT_LAYER}${verificationId}`);
    const hold = this.#keeper.hold([...layersOf(session.layers), layer, ...rootsOver(layer)]);
    try {
      const kept = isWhole(sample, scope)
        ? await this.#unlessUnusable(() => this.#commitAll(session, layer))
        : await this.#unlessUnusable(() => this.#commit(session, layer));
      return { sample, subject, kept, patchBytes: 0, [Symbol.dispose]: () => hold[Symbol.dispose]() };
    } catch (error) {
      hold[Symbol.dispose]();
      throw error;
    }
  }

  /** What it stands on stays as long as the verification needs it, whatever becomes of the snapshot. */
  async #snapshot(snapshotId: string, scope: VerificationScope | undefined): Promise<HeldSubject> {
    const held = await this.#snapshots.hold(snapshotId);
    try {
      const { source, sessionId, layers } = held.snapshot;
      const sample = await this.#catalog.get(sampleOf(source));
      return {
        sample,
        subject: { kind: 'snapshot', snapshotId, sessionId },
        kept: {
          kind: 'layers',
          workspace: layers.workspace,
          root: isWhole(sample, scope) ? layers.root : undefined,
          own: [],
        },
        patchBytes: 0,
        [Symbol.dispose]: () => held[Symbol.dispose](),
      };
    } catch (error) {
      held[Symbol.dispose]();
      throw error;
    }
  }

  async #commit(session: Session, layer: string): Promise<KeptSubject> {
    await this.#sandboxes.keep(session, { workspace: layer });
    const below = session.snapshotId === undefined ? undefined : session.layers.workspace;
    return { kind: 'layer', layer, below };
  }

  /** The workspace and all else, as of one moment. */
  async #commitAll(session: Session, workspace: string): Promise<KeptSubject> {
    const { layers } = session;
    const [root, flat] = rootsOver(workspace);
    await this.#sandboxes.keep(session, { root, workspace });
    const stacks = { workspace: [...layers.workspace, workspace], root: [...layers.root, root] };
    if (layers.root.length < this.#engine.maxLayers) {
      return { kind: 'layers', ...stacks, own: [workspace, root] };
    }
    // The stack has grown too high for a sandbox: it is made one.
    await this.#engine.flatten('root', stacks.root, flat, { lasting: false });
    await this.#engine.deleteLayer(root);
    return { kind: 'layers', workspace: stacks.workspace, root: [flat], own: [workspace, flat] };
  }

  async #unlessUnusable(commit: () => Promise<KeptSubject>): Promise<KeptSubject> {
    try {
      return await commit();
    } catch (error) {
      // A tree too large to be copied is its owner's doing; everything else is not.
      if (error instanceof CodesetError && error.reason === 'TOO_LARGE') {
        return { kind: 'unusable', why: error.message };
      }
      throw error;
    }
  }

  /** It was kept for nothing: no verification needs it. */
  async discard(kept: KeptSubject): Promise<void> {
    for (const layer of ownLayers(kept)) await this.#engine.deleteLayer(layer);
  }

  /** The layers that only the run needed; a patch stays as long as the policy lets it. Idempotent. */
  async letGo(verification: Verification): Promise<void> {
    const { kept } = verification;
    for (const layer of [judgedLayer(verification), ...ownLayers(kept)]) {
      await this.#engine.deleteLayer(layer).catch((error: unknown) => {
        this.#log.warn('a layer could not be removed', { layer, error });
      });
    }
    if (kept?.kind === 'layer' || kept?.kind === 'layers') {
      const change = { kept: undefined } as Partial<Verification>;
      await this.#storage.verifications
        .update(verification.verificationId, change)
        .catch((error: unknown) => {
          // It was removed meanwhile, and refers to nothing.
          if (!(error instanceof CodesetError) || error.reason !== 'VERIFICATION_NOT_FOUND') throw error;
        });
      this.#keeper.release(
        kept.kind === 'layer' ? (kept.below ?? []) : [...(kept.root ?? []), ...kept.workspace],
      );
    }
  }
}

/** What a session's root becomes beside its workspace, and what that becomes where it is made one with those below. */
function rootsOver(workspace: string): readonly [root: string, flat: string] {
  return [`${workspace}-root`, `${workspace}-flat`];
}

function isWhole(sample: SampleVersion, scope: VerificationScope | undefined): boolean {
  return (scope ?? sample.manifest.verification.scope) === 'FILESYSTEM';
}

/** Those that were made for the verification alone. */
function ownLayers(kept: KeptSubject | undefined): readonly string[] {
  if (kept?.kind === 'layer') return [kept.layer];
  return kept?.kind === 'layers' ? kept.own : [];
}

/** @throws SAMPLE_NOT_FOUND where there is none. */
function sampleOf(source: SessionSource): { readonly sampleId: string; readonly version: number } {
  if (source.kind === 'sample') return source;
  throw failedPrecondition(
    'SAMPLE_NOT_FOUND',
    'The session was made from an environment alone; only a session of a sample can be verified.',
  );
}
