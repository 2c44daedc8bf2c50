import { setTimeout as delay } from 'node:timers/promises';
import { HealthDefinition, HealthServiceImpl, HealthState } from 'nice-grpc-server-health';
import { SampleServiceDefinition } from '../../gen/codeset/v1/sample_service.js';
import { SessionServiceDefinition } from '../../gen/codeset/v1/session_service.js';
import { VerificationServiceDefinition } from '../../gen/codeset/v1/verification_service.js';
import type { Log } from '../core/ports/log.js';
import {
  checkSocketFolder,
  clearStaleSocket,
  closeToOthers,
  parseListenAddress,
  targetOf,
} from './address.js';
import { methodsOf, RECEIVE_LIMIT, type GeneratedService } from './codec.js';
import { execCalls } from './exec-calls.js';
import { decodeExecRequest } from './exec-input-codec.js';
import { fileCalls } from './file-calls.js';
import { GrpcHost } from './grpc-host.js';
import { CallGate } from './middleware/call-gate.js';
import { OpenCalls } from './middleware/open-calls.js';
import { addReflection } from './reflection.js';
import { sampleService } from './sample-service.js';
import { sessionCalls } from './session-service.js';
import type { Served, Service } from './service-types.js';
import { snapshotCalls } from './snapshot-calls.js';
import type { UseCases } from './use-cases.js';
import { verificationService } from './verification-service.js';

const SERVICES = [SampleServiceDefinition, SessionServiceDefinition, VerificationServiceDefinition].map(
  ({ fullName }) => fullName,
);
const NEED_SANDBOXES: ReadonlySet<string> = new Set([
  SessionServiceDefinition.fullName,
  VerificationServiceDefinition.fullName,
]);
const PROTOCOLS = [
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
];

const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': RECEIVE_LIMIT,
  'grpc.max_concurrent_streams': 1024,
  // A client that vanished without a word is noticed within 40 s.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.enable_channelz': 0,
  // Two servers on one port would share its clients without knowing of each other.
  'grpc.so_reuseport': 0,
};

export interface GrpcServerOptions {
  readonly useCases: UseCases;
  readonly log: Log;
  /** `HOST:PORT` on loopback (port 0 picks one) or `unix:PATH`. */
  readonly listen: string;
  /** False turns keys off. */
  readonly auth: boolean;
}

export interface GrpcServer extends AsyncDisposable {
  /** What a client connects to, its port known. */
  readonly address: string;
  /** For readiness: an unhealthy service is still answered. Empty means all. */
  setHealthy(healthy: boolean): void;
  /** For readiness of what needs sandboxes: sessions and verifications. True at first. */
  setSandboxesServed(served: boolean): void;
  /**
   * Refuses new calls, lets short ones finish for half of the time, ends what is left with UNAVAILABLE, and closes
   * the connections. Resolves within `deadlineMs`. Idempotent.
   */
  stop(deadlineMs: number): Promise<void>;
}

/** Listens. @throws INVALID_FIELD for an address off loopback, or a socket that can't be made there; the system's error when it is taken. */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const listen = parseListenAddress(options.listen);
  const { useCases, log } = options;
  const calls = new OpenCalls();
  const health = HealthState();
  const gate = new CallGate({ keys: options.auth ? useCases.keys : undefined, calls, log });
  const server = new GrpcHost(CHANNEL_OPTIONS, gate);
  const serve = <D extends GeneratedService & Served>(
    definition: D,
    service: Service<D>,
    decoders: Partial<Record<keyof D['methods'] & string, (bytes: Uint8Array) => unknown>> = {},
  ): void => server.add(methodsOf(definition, decoders), service);

  serve(SampleServiceDefinition, sampleService(useCases.samples));
  const sessionService: Service<typeof SessionServiceDefinition> = {
    ...sessionCalls(useCases.sessions),
    ...execCalls(useCases.sessions),
    ...fileCalls(useCases.files),
    ...snapshotCalls(useCases.snapshots),
  };
  serve(SessionServiceDefinition, sessionService, { exec: decodeExecRequest });
  serve(VerificationServiceDefinition, verificationService(useCases.verifications));
  // Of a call's context it looks at the signal alone.
  server.add(methodsOf(HealthDefinition), HealthServiceImpl(health));
  addReflection(server, [...SERVICES, ...PROTOCOLS]);

  let isHealthy = true;
  let areSandboxesServed = true;
  const tellHealth = (): void => {
    for (const name of ['', ...SERVICES]) {
      const serves = isHealthy && (areSandboxesServed || !NEED_SANDBOXES.has(name));
      health.setStatus(serves ? 'healthy' : 'unhealthy', name);
    }
  };
  tellHealth();
  const setHealthy = (healthy: boolean): void => {
    isHealthy = healthy;
    tellHealth();
  };

  if (listen.kind === 'unix') {
    await checkSocketFolder(listen.path);
    await clearStaleSocket(listen.path);
  }
  const port = await server.listen(targetOf(listen));
  if (listen.kind === 'unix') await closeToOthers(listen.path);

  let stopping: Promise<void> | undefined;
  async function stopNow(deadlineMs: number): Promise<void> {
    setHealthy(false);
    calls.refuse();
    await calls.settle(deadlineMs / 2, 'short');
    calls.abort();
    await calls.settle(deadlineMs / 4);
    // Connections close as their last call ends. One that does not is left to the end of the process: with
    // channelz off grpc-js knows no connections, and its forced shutdown would only forget them.
    const closed = server.shutdown().catch(() => undefined);
    await Promise.race([closed, delay(deadlineMs / 4, undefined, { ref: false })]);
  }

  const stop = (deadlineMs: number): Promise<void> => (stopping ??= stopNow(deadlineMs));
  return {
    address: targetOf(listen, port),
    setHealthy,
    setSandboxesServed(served) {
      areSandboxesServed = served;
      tellHealth();
    },
    stop,
    [Symbol.asyncDispose]: () => stop(1000),
  };
}
