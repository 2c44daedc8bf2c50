import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, Metadata as GrpcMetadata, type ServiceError } from '@grpc/grpc-js';
import { Status } from 'nice-grpc';
import { afterEach, describe, expect, it } from 'vitest';
import { SampleServiceDefinition } from '../../gen/codeset/v1/sample_service.js';
import { SessionServiceDefinition } from '../../gen/codeset/v1/session_service.js';
import { VerificationServiceDefinition } from '../../gen/codeset/v1/verification_service.js';
import { invalidFields } from '../../src/core/errors.js';
import type { GrpcServer } from '../../src/transport/server.js';
import { connect, refusal, type TestClient } from './client.js';
import { memoryLog, scriptedServer, sessionWith, type Logged } from './scripted.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(...args: Parameters<typeof scriptedServer>): Promise<GrpcServer> {
  const server = await scriptedServer(...args);
  cleanups.push(() => server.stop(500));
  return server;
}

function client(server: GrpcServer, key?: string): TestClient {
  const made = connect(server.address, key);
  cleanups.push(() => made.channel.close());
  return made;
}

/** A call without any generated code, for messages that no encoder would write. */
function rawCall(server: GrpcServer, path: string, bytes: Buffer): Promise<ServiceError> {
  const raw = new Client(server.address, credentials.createInsecure());
  cleanups.push(() => raw.close());
  const metadata = new GrpcMetadata();
  metadata.set('authorization', 'Bearer admin');
  return new Promise((resolve, reject) => {
    raw.makeUnaryRequest(
      path,
      (value: Buffer) => value,
      (value: Buffer) => value,
      bytes,
      metadata,
      (error) => (error === null ? reject(new Error('It was answered.')) : resolve(error)),
    );
  });
}

describe('keys', () => {
  it('are asked for, and a wrong one is refused', async () => {
    const server = await serve({});
    expect(await refusal(client(server).samples.listDatasets({}))).toMatchObject({
      code: Status.UNAUTHENTICATED,
      reason: 'KEY_MISSING',
    });
    expect(await refusal(client(server, 'guess').samples.listDatasets({}))).toMatchObject({
      code: Status.UNAUTHENTICATED,
      reason: 'KEY_INVALID',
    });
  });

  it('may be turned off', async () => {
    const server = await serve({ samples: { datasets: async () => [] } }, { auth: false });
    expect(await client(server).samples.listDatasets({})).toMatchObject({ datasets: [] });
  });

  it('of a runner do not register, download or remove samples, nor show hidden parts', async () => {
    const { samples } = client(await serve({}), 'runner');
    const denied = { code: Status.PERMISSION_DENIED, reason: 'ROLE_INSUFFICIENT' };
    const nothing = async function* () {};
    expect(await refusal(samples.registerSample(nothing()))).toMatchObject(denied);
    expect(await refusal(samples.uploadRepository(nothing()))).toMatchObject(denied);
    expect(await refusal(samples.downloadSample({ sample: { sampleId: 'a' } }))).toMatchObject(denied);
    expect(await refusal(samples.deleteSample({ sample: { sampleId: 'a' } }))).toMatchObject(denied);
    expect(await refusal(samples.getSample({ sample: { sampleId: 'a' }, view: 2 }))).toMatchObject(denied);
  });

  it('of an agent reach the commands and files of its session and nothing else', async () => {
    const agent = client(await serve({ sessions: sessionWith({ list: () => [] }) ?? {} }), 'agent');
    expect(await agent.sessions.listExecs({ sessionId: 'ses_own' })).toMatchObject({ execs: [] });
    const denied = { code: Status.PERMISSION_DENIED, reason: 'ROLE_INSUFFICIENT' };
    expect(await refusal(agent.sessions.getSession({ sessionId: 'ses_own' }))).toMatchObject(denied);
    expect(await refusal(agent.sessions.closeSession({ sessionId: 'ses_own' }))).toMatchObject(denied);
    expect(await refusal(agent.samples.getSample({ sample: { sampleId: 'a' } }))).toMatchObject(denied);
    // What else of verifications an agent may do, its session says: test/e2e/verification-policies.test.ts.
    expect(await refusal(agent.verifications.cancelVerification({ verificationId: 'ver_a' }))).toMatchObject(
      denied,
    );
    // Another session is unknown to it, so that it cannot find out which there are.
    const unknown = { code: Status.NOT_FOUND, reason: 'SESSION_NOT_FOUND' };
    const sessionId = 'ses_other';
    const { sessions } = agent;
    const spec = { command: { $case: 'shellLine', value: 'true' } } as const;
    const start = async function* () {
      yield { frame: { $case: 'start', value: { sessionId, spec } } } as const;
    };
    const upload = async function* () {
      yield { part: { $case: 'header', value: { sessionId, path: '.' } } } as const;
    };
    const all = [
      sessions.exec(start()),
      sessions.runCommand({ sessionId, spec }),
      sessions.waitExec({ sessionId, execId: 'x' }),
      sessions.listExecs({ sessionId }),
      sessions.getExec({ sessionId, execId: 'x' }),
      sessions.signalExec({ sessionId, execId: 'x', signal: 'SIGINT' }),
      sessions.readFile({ sessionId, path: 'a' }),
      sessions.writeFile({ sessionId, path: 'a' }),
      sessions.stat({ sessionId, path: 'a' }),
      sessions.listDirectory({ sessionId, path: 'a' }),
      sessions.move({ sessionId, source: 'a', destination: 'b' }),
      sessions.remove({ sessionId, path: 'a' }),
      sessions.uploadArchive(upload()),
      sessions.downloadArchive({ sessionId, path: 'a' }),
      sessions.replaceInFile({ sessionId, path: 'a', oldText: 'a' }),
      sessions.applyPatch({ sessionId, diff: Buffer.from('x') }),
      sessions.getDiff({ sessionId }),
    ];
    for (const told of await Promise.all(all.map(refusal))) expect(told).toMatchObject(unknown);
  });
});

describe('bad input', () => {
  it('is answered with every field that is missing or wrong', async () => {
    const { sessions, verifications } = client(await serve({}), 'admin');
    expect(await refusal(sessions.createSession({ requestId: 'a b', ttl: { seconds: -1n } }))).toMatchObject({
      code: Status.INVALID_ARGUMENT,
      reason: 'INVALID_FIELD',
      fields: ['request_id', 'source', 'ttl'],
    });
    expect((await refusal(verifications.startVerification({ scope: 9 as never }))).fields).toEqual([
      'subject',
      'scope',
    ]);
    expect((await refusal(sessions.closeSessions({}))).fields).toEqual(['all']);
    expect((await refusal(sessions.runCommand({ sessionId: 'x' }))).fields).toEqual(['spec']);
    expect((await refusal(sessions.readFile({ limit: -1, offset: -5n }))).fields).toEqual([
      'session_id',
      'path',
      'offset',
      'limit',
    ]);
  });

  it('that is no message of the call is INVALID_ARGUMENT, and one that is too large TOO_LARGE', async () => {
    const server = await serve({});
    const path = '/codeset.v1.SessionService/GetSession';
    const garbage = await rawCall(server, path, Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x01, 0x00]));
    expect(garbage.code).toBe(Status.INVALID_ARGUMENT);
    const large = await rawCall(server, path, Buffer.alloc(5 * 1024 * 1024));
    expect(large.code).toBe(Status.RESOURCE_EXHAUSTED);
  });

  it('a page token of another filter is refused', async () => {
    const { samples } = client(
      await serve({ samples: { list: async () => ({ items: [], next: 'm' }), count: async () => 0 } }),
      'admin',
    );
    const { nextPageToken } = await samples.listSamples({ dataset: 'a' });
    expect(await samples.listSamples({ dataset: 'a', pageToken: nextPageToken })).toBeDefined();
    expect(await refusal(samples.listSamples({ dataset: 'b', pageToken: nextPageToken }))).toMatchObject({
      reason: 'INVALID_PAGE_TOKEN',
      fields: ['page_token'],
    });
  });

  it('an upload has one header and it comes first', async () => {
    const { samples } = client(
      await serve({
        samples: {
          repositoryBytes: async () => undefined,
          addRepository: async (_expected, bundle) => {
            for await (const _ of bundle);
          },
        },
      }),
      'admin',
    );
    const header = {
      part: { $case: 'header', value: { sha256: 'a'.repeat(64), sizeBytes: 3n } },
    } as const;
    const data = { part: { $case: 'data', value: Buffer.from('abc') } } as const;
    const stream = async function* (...parts: (typeof header | typeof data)[]) {
      yield* parts;
    };
    const wrong = { code: Status.INVALID_ARGUMENT, reason: 'INVALID_STREAM' };
    expect(await refusal(samples.uploadRepository(stream()))).toMatchObject(wrong);
    expect(await refusal(samples.uploadRepository(stream(data)))).toMatchObject(wrong);
    expect(await refusal(samples.uploadRepository(stream(header, data, header)))).toMatchObject(wrong);
    expect(await samples.uploadRepository(stream(header, data))).toMatchObject({ alreadyPresent: false });
  });

  it('a client that goes in the middle of an upload leaves an incomplete one, not a short one', async () => {
    let settle: (error: unknown) => void = () => undefined;
    const ended = new Promise<unknown>((resolve) => (settle = resolve));
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const { samples } = client(
      await serve({
        samples: {
          register: async (_request, tar) => {
            try {
              for await (const _ of tar) begin();
              settle('complete');
            } catch (error) {
              settle(error);
            }
            throw invalidFields([]);
          },
        },
      }),
      'admin',
    );
    const abort = new AbortController();
    const parts = async function* () {
      yield { part: { $case: 'header', value: {} } } as const;
      yield { part: { $case: 'data', value: Buffer.from('abc') } } as const;
      await begun;
      abort.abort();
      await new Promise(() => undefined);
    };
    await expect(samples.registerSample(parts(), { signal: abort.signal })).rejects.toThrow();
    expect(await ended).toMatchObject({ kind: 'cancelled' });
  });
});

it('random bytes on every call are answered, show nothing of the inside, and hurt nobody', async () => {
  const server = await serve({ samples: { datasets: async () => [] } });
  const raw = new Client(server.address, credentials.createInsecure());
  cleanups.push(() => raw.close());
  const metadata = new GrpcMetadata();
  metadata.set('authorization', 'Bearer admin');
  const same = (value: Buffer): Buffer => value;
  const services = [SampleServiceDefinition, SessionServiceDefinition, VerificationServiceDefinition];
  const paths = services.flatMap(({ fullName, methods }) =>
    Object.values(methods).map(({ name }) => `/${fullName}/${name}`),
  );
  // Any call may be made as a stream both ways: on the wire they are alike.
  const send = (path: string, bytes: Buffer): Promise<ServiceError | undefined> =>
    new Promise((resolve) => {
      const call = raw.makeBidiStreamRequest(path, same, same, metadata);
      call.on('data', () => undefined);
      call.on('error', (error: ServiceError) => resolve(error));
      call.on('end', () => resolve(undefined));
      call.end(bytes);
    });
  for (const path of paths) {
    for (let length = 1; length <= 256; length *= 4) {
      const error = await send(path, randomBytes(length));
      expect(`${error?.code} ${error?.details}`, path).not.toContain('secret');
    }
  }
  expect(await client(server, 'admin').samples.listDatasets({})).toMatchObject({ datasets: [] });
});

describe('a defect', () => {
  it('tells its client a request id and nothing else, and the log everything', async () => {
    const lines: Logged[] = [];
    const { sessions } = client(await serve({}, { log: memoryLog(lines) }), 'admin');
    const told = await refusal(sessions.getSession({ sessionId: 'ses_1' }));
    expect(told).toMatchObject({ code: Status.INTERNAL, reason: 'INTERNAL' });
    expect(told.text).not.toContain('secret');
    const requestId = /req_\w+/.exec(told.text)?.[0];
    const line = lines.find(({ level }) => level === 'error');
    expect(line?.fields).toMatchObject({ requestId });
    expect(String(line?.fields?.['err'])).toContain('secret text');
  });
});

describe('a stop', () => {
  it('lets short calls finish, ends streams with SHUTTING_DOWN and refuses new ones', async () => {
    let finish: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (finish = resolve));
    let began: () => void = () => undefined;
    const watching = new Promise<void>((resolve) => (began = resolve));
    const server = await serve({
      samples: { datasets: () => held.then(() => []) },
      sessions: {
        // eslint-disable-next-line require-yield
        async *watch(_id, signal) {
          began();
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        },
      },
    });
    const { samples, sessions } = client(server, 'admin');
    const short = samples.listDatasets({});
    const stream = refusal(sessions.watchSession({ sessionId: 'ses_1' }));
    await watching;
    const stopped = server.stop(4000);
    expect(await refusal(sessions.getSession({ sessionId: 'x' }))).toMatchObject({
      code: Status.UNAVAILABLE,
    });
    finish();
    expect(await short).toMatchObject({ datasets: [] });
    expect(await stream).toMatchObject({ code: Status.UNAVAILABLE, reason: 'SHUTTING_DOWN', retry: true });
    await stopped;
  });

  it('ends a stream whose client has not said anything yet', async () => {
    const server = await serve({ samples: { datasets: async () => [] } });
    const { samples, sessions } = client(server, 'admin');
    // eslint-disable-next-line require-yield
    const silent = (async function* (): AsyncGenerator<never> {
      await new Promise(() => undefined);
    })();
    const call = refusal(sessions.exec(silent));
    // One connection: when this is answered, the other call has begun.
    await samples.listDatasets({});
    await server.stop(4000);
    expect(await call).toMatchObject({ code: Status.UNAVAILABLE, reason: 'SHUTTING_DOWN', retry: true });
  });

  it('keeps its deadline when a call never ends', async () => {
    let arrived: () => void;
    const called = new Promise<void>((resolve) => (arrived = resolve));
    const datasets = (): Promise<never> => {
      arrived();
      return new Promise(() => undefined);
    };
    const server = await serve({ samples: { datasets } });
    const call = client(server, 'admin').samples.listDatasets({});
    call.catch(() => undefined);
    await called;
    // Without a deadline of its own this would not come back.
    await server.stop(600);
    await expect(call).rejects.toThrow();
  });
});

it('a Unix socket serves like a port, closed to other users', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'codeset-rpc-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  const path = join(folder, 'socket');
  const server = await serve({ samples: { datasets: async () => [] } }, { listen: `unix:${path}` });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await client(server, 'admin').samples.listDatasets({})).toMatchObject({ datasets: [] });
});
