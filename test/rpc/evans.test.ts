import {
  create,
  createFileRegistry,
  fromBinary,
  fromJson,
  toBinary,
  toJson,
  type DescMethod,
  type FileRegistry,
  type JsonObject,
  type JsonValue,
} from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  type FileDescriptorProto,
} from '@bufbuild/protobuf/wkt';
import { Client, credentials, loadPackageDefinition, Metadata, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { environmentHere } from '../support/engine-here.js';
import { startApp, type RunningApp } from '../support/running-app.js';

const PROTO = fileURLToPath(new URL('../../proto', import.meta.url));

interface Answer {
  readonly list_services_response?: { readonly service: readonly { readonly name: string }[] };
  readonly file_descriptor_response?: { readonly file_descriptor_proto: readonly Buffer[] };
  readonly all_extension_numbers_response?: { readonly extension_number: readonly number[] };
  readonly error_response?: { readonly error_code: number; readonly error_message: string };
}

/** Reflection v1alpha over one stream for all questions, an answer for each in order. */
class Reflection {
  readonly #stream;
  readonly #waiting: { done(answer: Answer): void; fail(error: Error): void }[] = [];

  constructor(address: string) {
    const file = 'grpc/reflection/v1alpha/reflection.proto';
    const definition = loadSync(file, { includeDirs: [PROTO], keepCase: true, oneofs: true });
    const { grpc } = loadPackageDefinition(definition) as unknown as {
      grpc: {
        reflection: { v1alpha: { ServerReflection: new (...args: unknown[]) => ReflectionStub } };
      };
    };
    const client = new grpc.reflection.v1alpha.ServerReflection(address, credentials.createInsecure());
    this.#stream = client.ServerReflectionInfo();
    this.#stream.on('data', (answer: Answer) => this.#waiting.shift()?.done(answer));
    this.#stream.on('error', (error: Error) => {
      for (const waiting of this.#waiting.splice(0)) waiting.fail(error);
    });
    this.#stream.on('end', () => client.close());
  }

  ask(question: object): Promise<Answer> {
    return new Promise((done, fail) => {
      this.#waiting.push({ done, fail });
      this.#stream.write(question);
    });
  }

  /** A symbol's file, last, and before it all that it imports, each asked for by its name. */
  async filesOf(symbol: string): Promise<readonly FileDescriptorProto[]> {
    const files = new Map<string, FileDescriptorProto>();
    const take = async (question: object): Promise<void> => {
      const { file_descriptor_response: found, error_response: error } = await this.ask(question);
      if (error !== undefined) throw new Error(error.error_message);
      for (const bytes of found?.file_descriptor_proto ?? []) {
        const file = fromBinary(FileDescriptorProtoSchema, bytes);
        for (const name of file.dependency) if (!files.has(name)) await take({ file_by_filename: name });
        files.set(file.name, file);
      }
    };
    await take({ file_containing_symbol: symbol });
    return [...files.values()];
  }

  end(): void {
    this.#stream.end();
  }
}

interface ReflectionStub {
  ServerReflectionInfo(): {
    on(event: string, take: (value: never) => void): void;
    write(question: object): void;
    end(): void;
  };
  close(): void;
}

/** A method of a registry, called with JSON. */
class Caller {
  readonly #registry: FileRegistry;
  readonly #client: Client;
  readonly #metadata = new Metadata();

  constructor(registry: FileRegistry, address: string, key: string) {
    this.#registry = registry;
    this.#client = new Client(address, credentials.createInsecure());
    this.#metadata.set('authorization', `Bearer ${key}`);
  }

  #method(service: string, name: string): DescMethod {
    const found = this.#registry.getService(service)?.methods.find((method) => method.name === name);
    if (found === undefined) throw new Error(`${service} has no ${name}`);
    return found;
  }

  #codec(method: DescMethod): [string, (request: JsonValue) => Buffer, (bytes: Buffer) => JsonObject] {
    const { input, output } = method;
    return [
      `/${method.parent.typeName}/${method.name}`,
      (request) => Buffer.from(toBinary(input, fromJson(input, request, { registry: this.#registry }))),
      (bytes) => toJson(output, fromBinary(output, bytes), { registry: this.#registry }) as JsonObject,
    ];
  }

  unary(service: string, name: string, request: JsonObject): Promise<JsonObject> {
    const [path, write, read] = this.#codec(this.#method(service, name));
    return new Promise((done, fail) => {
      this.#client.makeUnaryRequest(path, write, read, request, this.#metadata, (error, answer) =>
        error === null ? done(answer ?? {}) : fail(error),
      );
    });
  }

  async stream(service: string, name: string, requests: readonly JsonObject[]): Promise<JsonObject[]> {
    const [path, write, read] = this.#codec(this.#method(service, name));
    const call = this.#client.makeBidiStreamRequest(path, write, read, this.#metadata);
    for (const request of requests) call.write(request);
    call.end();
    const answers: JsonObject[] = [];
    for await (const answer of call) answers.push(answer as JsonObject);
    return answers;
  }

  close(): void {
    this.#client.close();
  }
}

describe('a client that asks reflection v1alpha, as evans does', () => {
  let running: RunningApp;
  let reflection: Reflection;

  beforeAll(async () => {
    running = await startApp();
    reflection = new Reflection(running.app.address);
  }, 120_000);

  afterAll(async () => {
    reflection?.end();
    await running?.[Symbol.asyncDispose]();
  });

  it('learns every service and calls them by the descriptors that it got, both ways', async () => {
    const { list_services_response: listed } = await reflection.ask({ list_services: '*' });
    const services = (listed?.service ?? []).map(({ name }) => name);
    expect(services).toContain('codeset.v1.SessionService');
    const files = new Map<string, FileDescriptorProto>();
    for (const service of services)
      for (const file of await reflection.filesOf(service)) files.set(file.name, file);
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [...files.values()] }));
    for (const service of services) expect(registry.getService(service), service).toBeDefined();

    const caller = new Caller(registry, running.app.address, running.adminKey);
    try {
      const service = 'codeset.v1.SessionService';
      const { session } = await caller.unary(service, 'CreateSession', {
        environment: environmentHere('sh'),
      });
      const { sessionId = '' } = session as { sessionId?: string };
      const spec = { argv: { args: ['tr', 'a-z', 'A-Z'] }, stdin: true };
      const answers = await caller.stream(service, 'Exec', [
        { start: { sessionId, spec } },
        { stdin: { data: Buffer.from('hello').toString('base64') } },
        { endOfInput: {} },
      ]);
      expect(answers).toMatchObject([
        { started: {} },
        { output: { stream: 'OUTPUT_STREAM_STDOUT', data: Buffer.from('HELLO').toString('base64') } },
        { exited: { result: { exitCode: 0 } } },
      ]);
      await caller.unary(service, 'CloseSession', { sessionId });
      const refusal: unknown = await caller
        .unary(service, 'CreateSession', {})
        .catch((error: unknown) => error);
      expect((refusal as ServiceError).code).toBe(3);
    } finally {
      caller.close();
    }
  });

  it('shows types that only errors carry', async () => {
    const file = (await reflection.filesOf('google.rpc.ErrorInfo')).at(-1);
    expect(file?.messageType.map(({ name }) => name)).toContain('ErrorInfo');
    const status = (await reflection.filesOf('google.rpc.Status')).at(-1);
    expect(status?.name).toBe('google/rpc/status.proto');
  });

  it('is told NOT_FOUND for what there is none of, and the stream goes on', async () => {
    const extension = { containing_type: 'google.protobuf.MessageOptions', extension_number: 4711 };
    for (const question of [
      { file_containing_extension: extension },
      { file_containing_symbol: 'codeset.v1.Nothing' },
      { file_by_filename: 'codeset/v1/nothing.proto' },
    ]) {
      const { error_response: error } = await reflection.ask(question);
      expect(error?.error_code, JSON.stringify(question)).toBe(5);
    }
    const none = await reflection.ask({ all_extension_numbers_of_type: 'codeset.v1.Session' });
    expect(none.all_extension_numbers_response?.extension_number ?? []).toEqual([]);
    expect(none.error_response ?? undefined).toBeUndefined();
    const { list_services_response: again } = await reflection.ask({ list_services: '*' });
    expect(again?.service.length).toBeGreaterThan(3);
  });
});
