import { idAt } from './engine-ids.js';
import type { Environment, Ground, NetworkMode, Resources } from './environment.js';
import { DEFAULT_RESOURCES } from './environment.js';
import { failedPrecondition, invalidFields, type FieldViolation } from './errors.js';
import { rulesOf, type VerifyingRequest } from './feedback.js';
import { newId } from './ids.js';
import type { Engine } from './ports/engine.js';
import type { SampleCatalog } from './sample-catalog.js';
import { environmentOf, type VerificationSpec } from './sample.js';
import type { Session, SessionSource } from './session.js';
import type { Snapshot } from './snapshot.js';
import type { Snapshots } from './snapshots.js';

export interface SessionRequest {
  readonly requestId: string | undefined;
  readonly source:
    | SessionSource
    | { readonly kind: 'snapshot'; readonly snapshotId: string }
    | {
        readonly kind: 'sample';
        readonly sampleId: string;
        readonly version?: number;
        readonly dataset?: string;
      };
  readonly labels: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly secretEnv: Readonly<Record<string, string>>;
  /** Undefined: the service's default. */
  readonly ttlMs: number | undefined;
  /** Undefined: the service's default; 0: none. */
  readonly idleTimeoutMs: number | undefined;
  readonly resources: Partial<Resources>;
  readonly network: NetworkMode | undefined;
  readonly verifying?: VerifyingRequest | undefined;
}

export interface SessionLimits {
  readonly maxSessions: number;
  readonly defaultTtlMs: number;
  readonly maxTtlMs: number;
  readonly defaultIdleTimeoutMs: number;
}

/** A planned session, and a hold on what it is made from until it is on record. */
export interface Plan extends Disposable {
  readonly session: Session;
}

/** Turns a request into the session it asks for, within the limits of its sample and of the service. */
export class SessionPlanner {
  readonly #catalog: SampleCatalog;
  readonly #snapshots: Snapshots;
  readonly #engine: Engine;
  readonly #limits: SessionLimits;
  readonly #now: () => number;

  constructor(parts: {
    catalog: SampleCatalog;
    snapshots: Snapshots;
    engine: Engine;
    limits: SessionLimits;
    now: () => number;
  }) {
    this.#catalog = parts.catalog;
    this.#snapshots = parts.snapshots;
    this.#engine = parts.engine;
    this.#limits = parts.limits;
    this.#now = parts.now;
  }

  /** @throws the error that fits what is wrong with the request. */
  async plan(request: SessionRequest, requestDigest: string): Promise<Plan> {
    const held =
      request.source.kind === 'snapshot' ? await this.#snapshots.hold(request.source.snapshotId) : undefined;
    try {
      const session = await this.#plan(request, requestDigest, held?.snapshot);
      return { session, [Symbol.dispose]: () => held?.[Symbol.dispose]() };
    } catch (error) {
      held?.[Symbol.dispose]();
      throw error;
    }
  }

  async #plan(
    request: SessionRequest,
    requestDigest: string,
    snapshot: Snapshot | undefined,
  ): Promise<Session> {
    const asked = snapshot?.source ?? request.source;
    if (asked.kind === 'snapshot') throw new Error('a snapshot is of a sample or an environment');
    const { source, environment, most, policy } = await this.#source(asked, snapshot?.ground);
    const resources = this.#resources({ ...snapshot?.resources, ...request.resources }, most);
    if (request.network === 'public' && environment.network !== 'public') {
      throw invalidFields([
        { field: 'network', description: 'The environment allows no network; only its sample can allow it.' },
      ]);
    }
    const ttlMs = request.ttlMs ?? this.#limits.defaultTtlMs;
    this.checkTtl(ttlMs);
    const now = this.#now();
    const sessionId = newId('ses', now);
    const { ground } = environment;
    return {
      sessionId,
      requestId: request.requestId,
      requestDigest,
      source,
      snapshotId: snapshot?.snapshotId,
      state: 'CREATING',
      error: '',
      labels: request.labels,
      env: { ...snapshot?.env, ...request.env },
      network: request.network ?? snapshot?.network ?? environment.network,
      resources,
      engine: ground?.engine ?? '',
      ground,
      layers: snapshot?.layers ?? { root: [], workspace: [], baseline: undefined, hidden: undefined },
      sandboxId: sandboxIdOf(sessionId, ground?.engine),
      user: environment.user,
      workdir: environment.workdir,
      verifying: rulesOf(request.verifying ?? {}, policy, snapshot?.verifying),
      ttlMs,
      idleTimeoutMs: request.idleTimeoutMs ?? this.#limits.defaultIdleTimeoutMs,
      createTime: new Date(now),
      readyTime: undefined,
      expireTime: new Date(now + ttlMs),
      endTime: undefined,
      lastActiveTime: new Date(now),
    };
  }

  /** @param ground of what is kept already. */
  async #source(
    asked: Exclude<SessionRequest['source'], { kind: 'snapshot' }>,
    ground: Ground | undefined,
  ): Promise<{
    source: SessionSource;
    environment: Environment;
    most: Resources | undefined;
    policy: VerificationSpec | undefined;
  }> {
    if (asked.kind === 'environment') {
      const environment = { ...asked.environment, ...(ground === undefined ? {} : { ground }) };
      await this.#engine.check(environment);
      return { source: asked, environment, most: undefined, policy: undefined };
    }
    const sample = await this.#catalog.get(asked);
    if (sample.state === 'ERROR') {
      throw failedPrecondition('SAMPLE_NOT_READY', `The sample could not be prepared: ${sample.error}`);
    }
    const environment = environmentOf({ ...sample, ground: ground ?? sample.ground });
    await this.#engine.check(environment);
    const source: SessionSource = { kind: 'sample', sampleId: sample.sampleId, version: sample.version };
    const { resources, verification } = sample.manifest;
    return { source, environment, most: resources, policy: verification };
  }

  #resources(asked: Partial<Resources>, most: Resources | undefined): Resources {
    const resources: Resources = { ...(most ?? DEFAULT_RESOURCES), ...asked };
    if (most === undefined) return resources;
    const violations: FieldViolation[] = [];
    for (const name of ['cpus', 'memoryBytes', 'processes', 'diskBytes'] as const) {
      if (resources[name] <= most[name]) continue;
      const field = `resources.${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
      violations.push({ field, description: `At most what the sample has: ${most[name]}.` });
    }
    if (violations.length > 0) throw invalidFields(violations);
    return resources;
  }

  /** @throws INVALID_FIELD beyond the most that is allowed. */
  checkTtl(ttlMs: number): void {
    if (ttlMs <= this.#limits.maxTtlMs) return;
    throw invalidFields([{ field: 'ttl', description: `At most ${this.#limits.maxTtlMs / 1000} seconds.` }]);
  }
}

/** @param engine undefined while it is not known: nothing is made under this id then. */
export function sandboxIdOf(sessionId: string, engine: string | undefined): string {
  const id = sessionId.replace(/^ses_/, 'box_');
  return engine === undefined ? id : idAt(engine, id);
}
