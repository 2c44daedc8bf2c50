import { commandEnv } from './command-env.js';
import type { EnvironmentBuilder } from './environment-builder.js';
import { standingOn, type Environment, type Ground } from './environment.js';
import { CodesetError, failedPrecondition } from './errors.js';
import type { OpenSessions } from './open-sessions.js';
import type { CommitOptions, Engine, LayerInfo, PartLayers, ResolveOptions } from './ports/engine.js';
import type { ExecHost, SandboxExecs } from './ports/execs.js';
import type { Log } from './ports/log.js';
import type { SecretStore, Storage } from './ports/storage.js';
import type { SampleCatalog } from './sample-catalog.js';
import type { SampleLayers, SampleVersion, TellStage } from './sample.js';
import type { Session } from './session.js';

/** Makes and ends the sandboxes of sessions, and holds the links to those that live. */
export class SessionSandboxes {
  readonly #engine: Engine;
  readonly #execHost: ExecHost;
  readonly #storage: Storage;
  readonly #secrets: SecretStore;
  readonly #catalog: SampleCatalog;
  readonly #builder: EnvironmentBuilder;
  readonly #open: OpenSessions;
  readonly #log: Log;
  readonly #live = new Map<string, SandboxExecs>();

  constructor(parts: {
    engine: Engine;
    execHost: ExecHost;
    storage: Storage;
    secrets: SecretStore;
    catalog: SampleCatalog;
    builder: EnvironmentBuilder;
    open: OpenSessions;
    log: Log;
  }) {
    this.#engine = parts.engine;
    this.#execHost = parts.execHost;
    this.#storage = parts.storage;
    this.#secrets = parts.secrets;
    this.#catalog = parts.catalog;
    this.#builder = parts.builder;
    this.#open = parts.open;
    this.#log = parts.log;
  }

  execs(sessionId: string): SandboxExecs | undefined {
    return this.#live.get(sessionId);
  }

  /** Brings what a session stands on, waiting for its sample; the same as before where that is on record. */
  async ground(session: Session, tell: TellStage, signal: AbortSignal): Promise<Ground> {
    if (session.ground === undefined && session.source.kind === 'sample') {
      const { ground } = await this.#sample(session.source, tell, signal);
      if (ground === undefined) throw new Error('A READY sample has no ground.');
      return ground;
    }
    const environment = await this.environment(session);
    const { source } = session;
    const options: ResolveOptions = {
      progress: (message, bytes) => tell('IMAGE', message, bytes),
      ...(source.kind === 'sample' ? { files: () => this.#catalog.visible(source) } : {}),
    };
    return this.#engine.resolve(environment, options, signal);
  }

  /** Makes the layers that are still missing, and the sandbox of a session whose ground is known. */
  async make(session: Session, tell: TellStage, signal: AbortSignal): Promise<SampleLayers> {
    const environment = await this.environment(session);
    const layers = await this.#layers(session, environment, tell, signal);
    signal.throwIfAborted();
    tell('SANDBOX', 'Making the sandbox.');
    await this.#engine.create(
      {
        sandboxId: session.sandboxId,
        purpose: 'session',
        environment,
        rootLayers: layers.root,
        workspaceLayers: layers.workspace,
        mounts: [],
        resources: session.resources,
        network: session.network,
        hostname: 'sandbox',
      },
      signal,
    );
    return layers;
  }

  async #layers(
    session: Session,
    environment: Environment,
    tell: TellStage,
    signal: AbortSignal,
  ): Promise<SampleLayers> {
    if (session.snapshotId !== undefined) return session.layers;
    if (session.source.kind === 'environment') {
      const root = await this.#builder.setup(environment, tell, signal);
      return { root, workspace: [], baseline: undefined, hidden: undefined };
    }
    const { layers } = await this.#sample(session.source, tell, signal);
    return { ...layers, hidden: undefined };
  }

  /** Once it is READY. */
  async #sample(
    { sampleId, version }: { readonly sampleId: string; readonly version: number },
    tell: TellStage,
    signal: AbortSignal,
  ): Promise<SampleVersion> {
    const first = await this.#catalog.get({ sampleId, version });
    if (first.state === 'PREPARING') tell('QUEUED', 'The sample is being prepared.');
    const sample = await this.#catalog.settled({ sampleId, version });
    signal.throwIfAborted();
    if (sample.state === 'READY') return sample;
    throw failedPrecondition('SAMPLE_NOT_READY', `The sample could not be prepared: ${sample.error}`);
  }

  async environment(session: Session): Promise<Environment> {
    const environment = await this.#asked(session.source);
    return session.ground === undefined ? environment : standingOn(environment, session.ground);
  }

  async #asked(source: Session['source']): Promise<Environment> {
    if (source.kind === 'environment') return source.environment;
    const { sampleId, version } = source;
    return (await this.#catalog.get({ sampleId, version })).manifest.environment;
  }

  /**
   * Opens the link to a session's sandbox, with the execs that an earlier life of the service left. Should the
   * sandbox be lost later, its session is in ERROR; what becomes of its execs counts as activity.
   * @param signal gives up, which nothing else does while the sandbox is there and does not answer.
   */
  async connect(session: Session, signal: AbortSignal): Promise<void> {
    const environment = await this.environment(session);
    const execs = await this.#execHost.open({
      ownerId: session.sessionId,
      dial: (received) => this.#engine.connect(session.sandboxId, received),
      defaults: {
        env: commandEnv(this.#engine, environment, session.network, session.user, session.env),
        cwd: session.workdir,
        user: session.user,
      },
      secretEnv: await this.#secrets.get(session.sessionId),
      outOfMemoryKills: async () => (await this.#engine.usage(session.sandboxId)).outOfMemoryKills,
      stored: await this.#storage.execs.forSession(session.sessionId),
      signal,
      onLost: (message) => this.#lost(session.sessionId, message),
      onChange: (exec) => {
        this.#open.touch(session.sessionId);
        this.#storage.execs.save(exec).catch((error: unknown) => {
          this.#log.error('an exec could not be recorded', { execId: exec.execId, error });
        });
      },
    });
    this.#live.set(session.sessionId, execs);
  }

  #lost(sessionId: string, message: string): void {
    const error = `The sandbox was lost: ${message}`;
    this.#open.move(sessionId, 'ERROR', { error }).catch((cause: unknown) => {
      this.#log.error('a lost session could not be recorded', { sessionId, error: cause });
    });
  }

  /** Ends what runs and removes the sandbox. Records of its execs stay for reading until `forget`. Idempotent. */
  async end(session: Session): Promise<void> {
    const execs = this.#live.get(session.sessionId);
    this.#live.delete(session.sessionId);
    try {
      await execs?.end();
    } catch (error) {
      this.#log.warn('the link of a session did not close well', { sessionId: session.sessionId, error });
    }
    try {
      await this.#engine.destroy(session.sandboxId);
    } finally {
      await this.#secrets.delete(session.sessionId);
      await this.#execHost.forget(session.sessionId);
    }
  }

  /** Lets go of every link and leaves the sandboxes running. */
  async detach(): Promise<void> {
    const all = [...this.#live.values()];
    this.#live.clear();
    await Promise.all(all.map((execs) => execs.detach()));
  }

  /** A copy of what the session wrote since it began, at this moment. @param layers what it becomes */
  async keep(session: Session, layers: PartLayers, options?: CommitOptions): Promise<readonly LayerInfo[]> {
    if (this.#live.get(session.sessionId) === undefined) {
      throw new CodesetError(
        'unavailable',
        'SESSION_LOST',
        'The sandbox of this session is gone; close the session.',
      );
    }
    return this.#engine.commit(session.sandboxId, layers, options);
  }
}
