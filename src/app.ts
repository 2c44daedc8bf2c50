import { mkdir, chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Catalogue } from './cheats/cheat-book.js';
import { Cleanup } from './cleanup.js';
import type { ServerConfig } from './config-settings.js';
import { CheatAudit } from './core/cheat-audit.js';
import { CheatTrials } from './core/cheat-trial.js';
import { EngineReturns } from './core/engine-returns.js';
import { EnvironmentBuilder } from './core/environment-builder.js';
import { Garbage } from './core/garbage.js';
import { KeptBlobs } from './core/kept-blobs.js';
import { KeyRing } from './core/key-ring.js';
import { LayerKeeper } from './core/layer-keeper.js';
import { LeakScan } from './core/leak-scan.js';
import type { EngineCapabilities } from './core/ports/engine.js';
import type { Log } from './core/ports/log.js';
import type { Provenance } from './core/provenance.js';
import { SampleCatalog } from './core/sample-catalog.js';
import { ReferenceSolution } from './core/reference-solution.js';
import { SamplePrefetch } from './core/sample-prefetch.js';
import { SampleAuditor } from './core/sample-auditor.js';
import { SampleValidator } from './core/sample-validator.js';
import { SamplePreparer } from './core/sample-preparer.js';
import { OpenSessions } from './core/open-sessions.js';
import { SessionChanges } from './core/session-changes.js';
import { SessionCloser } from './core/session-closer.js';
import { SessionFiles } from './core/session-files.js';
import { SessionForks } from './core/session-forks.js';
import { SessionManager } from './core/session-manager.js';
import { SessionProvisioner } from './core/session-provisioner.js';
import { SessionRecovery } from './core/session-recovery.js';
import { SessionSandboxes } from './core/session-sandboxes.js';
import { SnapshotTaker } from './core/snapshot-taker.js';
import { Snapshots } from './core/snapshots.js';
import { SubjectKeeper } from './core/subject-keeper.js';
import { Trees } from './core/trees.js';
import { VerdictAgreement } from './core/verdict-agreement.js';
import { VerificationAccess } from './core/verification-access.js';
import { VerificationJudge } from './core/verification-judge.js';
import { VerificationKeeping } from './core/verification-keeping.js';
import { VerificationManager } from './core/verification-manager.js';
import { VerificationQueue } from './core/verification-queue.js';
import { VerificationRecords } from './core/verification-records.js';
import { VerificationRunner } from './core/verification-runner.js';
import { Workshop } from './core/work-sandbox.js';
import { takeRunFolder } from './engines/shared/run-folder.js';
import { every } from './every.js';
import { LinkedExecHost } from './exec/exec-host.js';
import { ReportGrader } from './grading/verdict.js';
import { openEngines, type EngineOpeners } from './open-engines.js';
import { FileSampleReader } from './samples/sample-reader.js';
import { serviceVersion } from './service-version.js';
import { ensureAdminKey } from './storage/admin-key.js';
import { openBlobStore } from './storage/blob-store.js';
import { openSecretStore } from './storage/secret-store.js';
import { acquireServiceLock } from './storage/service-lock.js';
import { openStorage } from './storage/storage.js';
import { startGrpcServer, type GrpcServer } from './transport/server.js';
import type { UseCases } from './transport/use-cases.js';

const EXPIRY_CHECK_MS = 1000;
const KEEPING_CHECK_MS = 2000;
const IMAGE_CHECK_MS = 10 * 60_000;
const MAX_QUEUED_VERIFICATIONS = 10_000;

/** The running service: everything wired, recovered and listening. Its owner disposes it. */
export class App implements AsyncDisposable {
  /** What a client connects to. */
  readonly address: string;
  /** Where the admin's key lies, and whether this start made it. */
  readonly adminKey: { readonly path: string; readonly created: boolean };
  /** What each of its engines can do, and cannot. */
  readonly capabilities: readonly EngineCapabilities[];
  readonly #server: GrpcServer;
  readonly #stop: (deadlineMs: number) => Promise<void>;
  readonly #graceMs: number;
  #stopping: Promise<void> | undefined;

  private constructor(parts: {
    server: GrpcServer;
    adminKey: App['adminKey'];
    capabilities: App['capabilities'];
    stop: (deadlineMs: number) => Promise<void>;
    graceMs: number;
  }) {
    this.address = parts.server.address;
    this.adminKey = parts.adminKey;
    this.capabilities = parts.capabilities;
    this.#server = parts.server;
    this.#stop = parts.stop;
    this.#graceMs = parts.graceMs;
  }

  /**
   * Starts the service on a data folder and takes up what an earlier life left in it.
   * @param openers how engines are opened, where that is not as usual
   * @throws CodesetError with a sentence for the operator; nothing stays open then.
   */
  static async start(config: ServerConfig, log: Log, openers?: EngineOpeners): Promise<App> {
    await using cleanup = new Cleanup();
    const now = (): number => Date.now();
    await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
    await chmod(config.dataDir, 0o700);
    await takeRunFolder(config.runDir);
    const lock = acquireServiceLock(config.dataDir);
    cleanup.defer(() => lock[Symbol.dispose]());
    const storage = await openStorage({ url: `sqlite:${config.databaseUrl}` });
    cleanup.defer(() => storage.close());
    const blobs = await openBlobStore(join(config.dataDir, 'blobs'));
    const secrets = await openSecretStore(join(config.dataDir, 'secrets'));
    const adminKey = await ensureAdminKey(config.dataDir, storage.keys, now);
    const engine = await openEngines(config, log, openers);
    cleanup.defer(() => engine.close());

    const execHost = new LinkedExecHost({
      folder: join(config.dataDir, 'execs'),
      log,
      outputBytes: config.sessionOutput,
    });
    const workshop = new Workshop(engine, execHost);
    const trees = new Trees(workshop);
    const builder = new EnvironmentBuilder(engine, workshop);
    const scratch = join(config.dataDir, 'run', 'samples');
    // A life that was killed left what it was reading.
    await rm(scratch, { recursive: true, force: true });
    const reader = new FileSampleReader(scratch);
    const keys = new KeyRing(storage.keys, now);
    const keeper = new LayerKeeper({ storage, engine, log });
    cleanup.defer(() => keeper.settled());
    const preparer = new SamplePreparer({
      storage,
      blobs,
      engine,
      reader,
      builder,
      trees,
      keeper,
      log,
      now,
    });
    const catalog = new SampleCatalog({ storage, blobs, reader, preparer, keeper, log, now });
    const snapshots = new Snapshots({ storage, keeper, log });
    const open = new OpenSessions({ storage, log, now });
    const sandboxes = new SessionSandboxes({
      engine,
      execHost,
      storage,
      secrets,
      catalog,
      builder,
      open,
      log,
    });
    const provisioner = new SessionProvisioner({ open, sandboxes, keeper, log, now });
    const sessions = new SessionManager({
      storage,
      secrets,
      catalog,
      snapshots,
      engine,
      open,
      provisioner,
      sandboxes,
      keys,
      limits: {
        maxSessions: config.maxSessions,
        defaultTtlMs: config.defaultTtl,
        maxTtlMs: config.maxTtl,
        defaultIdleTimeoutMs: config.defaultIdleTimeout,
      },
      now,
    });
    const closer = new SessionCloser({ storage, open, sandboxes, keys, keeper, snapshots, log, now });
    const recovery = new SessionRecovery({ storage, open, provisioner, sandboxes, log });
    const judge = new VerificationJudge({ engine, blobs, trees, workshop, grader: new ReportGrader() });
    const records = new VerificationRecords({ storage, log });
    const keptBlobs = new KeptBlobs({ blobs, kept: storage.keptVerifications });
    const version = serviceVersion();
    const provenance: Provenance = (name, runtime = '') => ({
      runtime: engine.capabilitiesOf(name)?.runtime ?? runtime,
      serviceVersion: version,
    });
    const subjects = new SubjectKeeper({
      storage,
      blobs: keptBlobs,
      engine,
      catalog,
      sessions,
      sandboxes,
      snapshots,
      keeper,
      log,
    });
    const agreement = new VerdictAgreement({ storage, log, now });
    const runner = new VerificationRunner({
      records,
      blobs: keptBlobs,
      catalog,
      judge,
      subjects,
      agreement,
      provenance,
      log,
      now,
    });
    const limits = { concurrent: config.maxVerifications, queued: MAX_QUEUED_VERIFICATIONS };
    const queue = new VerificationQueue({ records, runner, engine, limits, log });
    const verifications = new VerificationManager({
      storage,
      blobs,
      keptBlobs,
      provenance,
      records,
      subjects,
      queue,
      now,
    });
    const keeping = new VerificationKeeping({
      kept: storage.keptVerifications,
      blobs,
      keptBlobs,
      limits: { retentionMs: config.verificationRetention, diskBytes: config.verificationDisk },
      isBusy: (verificationId) => queue.has(verificationId),
      log,
      now,
    });
    const reference = new ReferenceSolution({ blobs, engine, reader, catalog, workshop, trees, keeper });
    const validator = new SampleValidator({
      storage,
      catalog,
      verifications,
      reference,
      maxConcurrency: config.maxVerifications,
      log,
      now,
    });
    const access = new VerificationAccess({ verifications, sessions });
    const scan = new LeakScan({ engine, workshop, trees });
    const trials = new CheatTrials({ sessions, closer, verifications, log });
    const auditor = new SampleAuditor({
      storage,
      catalog,
      blobs,
      reader,
      reference,
      scan,
      keeper,
      book: new Catalogue(),
      cheats: new CheatAudit({ trials, now }),
      closer,
      maxConcurrency: config.maxVerifications,
      log,
      now,
    });
    const files = new SessionFiles(sessions);
    const changes = new SessionChanges({ sessions, sandboxes, engine, trees, keeper });
    const taker = new SnapshotTaker({ storage, engine, keeper, sessions, sandboxes, now });
    const forks = new SessionForks({ storage, sessions, closer, snapshots, taker, keys, log });

    const garbage = new Garbage({ storage, secrets, blobs, engine, execHost, keeper, keys, log, now });
    const prefetch = new SamplePrefetch({ catalog, engine, garbage, log, now });
    const found = await garbage.sandboxes();
    await garbage.records();
    await recovery.recover(found);
    // Together: a session that waits for its sample must not take its end for a failure.
    cleanup.defer(() => Promise.all([recovery.detach(), preparer.stop()]));
    await snapshots.recover();
    await garbage.content();
    cleanup.defer(() => forks.stop());
    for (const sample of await storage.samples.inState('PREPARING')) preparer.begin(sample);
    await verifications.recover();
    await auditor.recover();
    cleanup.defer(() => queue.stop());
    await keeping.recover();
    cleanup.defer(() => Promise.all([validator.stop(), auditor.stop()]));

    cleanup.defer(every(EXPIRY_CHECK_MS, 'expiry failed', () => closer.expire(), log));
    const keep = (): Promise<void> => keeping.apply();
    cleanup.defer(every(KEEPING_CHECK_MS, 'kept verifications could not be looked at', keep, log));
    cleanup.defer(() => keeping.stop());
    const collect = (): Promise<void> => garbage.images();
    cleanup.defer(every(IMAGE_CHECK_MS, 'images could not be looked at', collect, log));
    const useCases: UseCases = {
      samples: {
        datasets: (...args) => catalog.datasets(...args),
        list: (...args) => catalog.list(...args),
        count: (...args) => catalog.count(...args),
        get: (...args) => catalog.get(...args),
        repositoryBytes: (...args) => catalog.repositoryBytes(...args),
        addRepository: (...args) => catalog.addRepository(...args),
        register: (...args) => catalog.register(...args),
        watch: (...args) => catalog.watch(...args),
        download: (...args) => catalog.download(...args),
        remove: (...args) => catalog.remove(...args),
        prefetch: (...args) => prefetch.prefetch(...args),
        validate: (...args) => validator.validate(...args),
        audit: (...args) => auditor.audit(...args),
      },
      sessions: {
        create: (...args) => sessions.create(...args),
        settled: (...args) => sessions.settled(...args),
        get: (...args) => sessions.get(...args),
        capabilities: (...args) => sessions.capabilities(...args),
        list: (...args) => sessions.list(...args),
        count: (...args) => sessions.count(...args),
        watch: (...args) => sessions.watch(...args),
        extend: (...args) => sessions.extend(...args),
        close: (...args) => closer.close(...args),
        closeMatching: (...args) => closer.closeMatching(...args),
        execs: (...args) => sessions.execs(...args),
      },
      files: {
        read: (...args) => files.read(...args),
        write: (...args) => files.write(...args),
        stat: (...args) => files.stat(...args),
        list: (...args) => files.list(...args),
        move: (...args) => files.move(...args),
        remove: (...args) => files.remove(...args),
        unpack: (...args) => files.unpack(...args),
        pack: (...args) => files.pack(...args),
        replace: (...args) => files.replace(...args),
        applyPatch: (...args) => changes.apply(...args),
        diff: (...args) => changes.diff(...args),
      },
      snapshots: {
        fork: (...args) => forks.fork(...args),
        create: (...args) => taker.create(...args),
        get: (...args) => snapshots.get(...args),
        list: (...args) => snapshots.list(...args),
        count: (...args) => snapshots.count(...args),
        delete: (...args) => snapshots.delete(...args),
      },
      verifications: access,
      keys,
    };
    const returns = new EngineReturns({
      takeUp: async (name) => {
        const held = await garbage.sandboxes();
        await recovery.relink(name, held);
        if (held.away.has(name)) return false;
        // Those of an engine that was away at the start were never looked at.
        keeper.release((await engine.named(name).listLayers()).map(({ layerId }) => layerId));
        keeper.again();
        return true;
      },
      isAway: (name) => engine.awayBecause(name) !== undefined,
      log,
    });
    cleanup.defer(() => returns.stop());
    const server = await startGrpcServer({
      useCases,
      log,
      listen: listenText(config.listen),
      auth: !config.insecureNoAuth,
    });
    cleanup.defer(() => server.stop(0));
    const tellHealth = (): void => server.setSandboxesServed(engine.works);
    tellHealth();
    engine.onChange((name, isThere) => {
      tellHealth();
      if (isThere) returns.take(name);
    });
    // Those that came while the service was being made, or were there and did not say what they hold.
    for (const name of found.away) if (engine.awayBecause(name) === undefined) returns.take(name);
    const owned = cleanup.move();
    return new App({
      server,
      adminKey,
      capabilities: engine.engines.map((one) => one.capabilities()),
      graceMs: config.shutdownGrace,
      stop: async (deadlineMs) => {
        try {
          await server.stop(deadlineMs);
        } finally {
          await owned[Symbol.asyncDispose]();
        }
      },
    });
  }

  /** Ends the service within its grace; sandboxes and their commands go on. Idempotent. */
  stop(deadlineMs: number = this.#graceMs): Promise<void> {
    this.#stopping ??= this.#stop(deadlineMs);
    return this.#stopping;
  }

  setHealthy(healthy: boolean): void {
    this.#server.setHealthy(healthy);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function listenText(listen: ServerConfig['listen']): string {
  if (listen.kind === 'unix') return `unix:${listen.path}`;
  return listen.host.includes(':') ? `[${listen.host}]:${listen.port}` : `${listen.host}:${listen.port}`;
}
