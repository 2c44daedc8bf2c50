import { credentials, loadPackageDefinition, Metadata, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { scriptedServer } from './scripted.js';

// How a program talks to the service that has no generated code: the contract is loaded when it starts.
const PROTO = fileURLToPath(new URL('../../proto', import.meta.url));

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A stub by the full name of its service; what it takes and gives is plain JSON. */
function stub(address: string, file: string, service: string): Record<string, Function> & { close(): void } {
  const definition = loadSync(file, {
    includeDirs: [PROTO],
    keepCase: true,
    longs: String,
    enums: String,
    oneofs: true,
  });
  let found: unknown = loadPackageDefinition(definition);
  for (const part of service.split('.')) found = (found as Record<string, unknown>)[part];
  const made = new (found as new (...args: unknown[]) => Record<string, Function> & { close(): void })(
    address,
    credentials.createInsecure(),
  );
  cleanups.push(() => made.close());
  return made;
}

function call(
  client: Record<string, Function>,
  method: string,
  request: object,
  key = 'admin',
): Promise<any> {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${key}`);
  return new Promise((resolve, reject) => {
    client[method]?.call(client, request, metadata, (error: ServiceError | null, answer: unknown) =>
      error === null ? resolve(answer) : reject(error),
    );
  });
}

/** Asks reflection once. */
function reflect(address: string, version: 'v1' | 'v1alpha', request: object): Promise<any> {
  const client = stub(
    address,
    `grpc/reflection/${version}/reflection.proto`,
    `grpc.reflection.${version}.ServerReflection`,
  );
  return new Promise((resolve, reject) => {
    const stream = client['ServerReflectionInfo']?.call(client);
    stream.on('data', (answer: unknown) => resolve(answer));
    stream.on('error', reject);
    stream.write(request);
    stream.end();
  });
}

describe('a client without generated code', () => {
  it('calls by names out of the proto files', async () => {
    const server = await scriptedServer({
      samples: { datasets: async () => [{ name: 'examples', sampleCount: 6 }] },
    });
    cleanups.push(() => server.stop(500));
    const samples = stub(server.address, 'codeset/v1/sample_service.proto', 'codeset.v1.SampleService');
    expect(await call(samples, 'ListDatasets', {})).toMatchObject({
      datasets: [{ name: 'examples', sample_count: 6 }],
    });
    await expect(call(samples, 'GetSample', {})).rejects.toMatchObject({ code: 3 });
  });

  it.each(['v1', 'v1alpha'] as const)('finds every service and type by reflection %s', async (version) => {
    const server = await scriptedServer({});
    cleanups.push(() => server.stop(500));
    const listed = await reflect(server.address, version, { list_services: '' });
    const names = listed.list_services_response.service.map(({ name }: { name: string }) => name);
    expect(names.sort()).toEqual([
      'codeset.v1.SampleService',
      'codeset.v1.SessionService',
      'codeset.v1.VerificationService',
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
      'grpc.reflection.v1alpha.ServerReflection',
    ]);
    for (const symbol of [...names, 'codeset.v1.ExecRequest', 'google.protobuf.Duration']) {
      const answer = await reflect(server.address, version, { file_containing_symbol: symbol });
      expect(answer.file_descriptor_response?.file_descriptor_proto, symbol).toHaveLength(1);
    }
  });

  it('learns the health of each service and of all, without a key', async () => {
    const server = await scriptedServer({});
    cleanups.push(() => server.stop(500));
    const health = stub(server.address, 'grpc/health/v1/health.proto', 'grpc.health.v1.Health');
    const check = (service: string) => call(health, 'Check', { service }, 'no key at all');
    for (const service of [
      '',
      'codeset.v1.SampleService',
      'codeset.v1.SessionService',
      'codeset.v1.VerificationService',
    ]) {
      expect(await check(service)).toEqual({ status: 'SERVING' });
    }
    server.setHealthy(false);
    expect(await check('')).toEqual({ status: 'NOT_SERVING' });
    await expect(check('codeset.v1.Nothing')).rejects.toMatchObject({ code: 5 });
  });
});
