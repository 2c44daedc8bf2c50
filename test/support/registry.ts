import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { type Header, pack } from 'tar-stream';

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';

/** A file of an image: its text, or all that its header says. */
export type ImageFile = string | (Partial<Header> & { readonly text?: string | Buffer });

export interface TestImage {
  /** Lowest first: what each layer adds, by its path without a leading slash. */
  readonly layers: readonly Readonly<Record<string, ImageFile>>[];
  /** As an image's config has it: `{Env, User, Volumes, …}`. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly architecture?: string;
}

/** What a test makes the registry answer in place of the truth. */
export interface Refusal {
  readonly status: number;
  /** `TOOMANYREQUESTS`, `UNAVAILABLE`. */
  readonly code: string;
  readonly message: string;
  /** How many requests for manifests are answered so; the others get the truth. */
  readonly times: number;
}

/**
 * A registry in this process, on loopback, which Docker talks to without TLS. It knows pulling and nothing else;
 * tests put images into it.
 */
export class TestRegistry implements AsyncDisposable {
  /** `127.0.0.1:40001`: what names of its images begin with. */
  readonly host: string;
  /** `USER:PASSWORD` that every request must bring. */
  login: string | undefined;
  /** Names of images that nobody may have, whoever asks. */
  readonly denied = new Set<string>();
  /** Manifests that were asked for: `GET app:1`. Asked in vain, too. */
  readonly asked: string[] = [];
  readonly #server: ReturnType<typeof createServer>;
  readonly #blobs = new Map<string, Buffer>();
  /** By `NAME:TAG` and `NAME@DIGEST`. */
  readonly #manifests = new Map<string, Buffer>();
  #refusal: Refusal | undefined;
  #held: { readonly opened: Promise<void>; readonly open: () => void } | undefined;
  #blobsAsked = 0;

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<TestRegistry> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const registry = new TestRegistry(server);
    server.on('request', (request, response) => void registry.#answer(request, response));
    return registry;
  }

  /** How many layers and configs were asked for. */
  get blobsAsked(): number {
    return this.#blobsAsked;
  }

  /** @returns the image's digest */
  async put(name: string, tag: string, image: TestImage): Promise<string> {
    const layers = await Promise.all(image.layers.map(layerTar));
    const packed = layers.map((layer) => gzipSync(layer));
    const config = Buffer.from(
      JSON.stringify({
        architecture: image.architecture ?? (process.arch === 'arm64' ? 'arm64' : 'amd64'),
        os: 'linux',
        created: '2026-01-01T00:00:00Z',
        config: image.config ?? {},
        rootfs: { type: 'layers', diff_ids: layers.map(digestOf) },
        history: layers.map(() => ({ created: '2026-01-01T00:00:00Z', created_by: 'a test' })),
      }),
    );
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST,
        config: this.#blob('application/vnd.docker.container.image.v1+json', config),
        layers: packed.map((layer) => this.#blob('application/vnd.docker.image.rootfs.diff.tar.gzip', layer)),
      }),
    );
    this.#manifests.set(`${name}:${tag}`, manifest);
    this.#manifests.set(`${name}@${digestOf(manifest)}`, manifest);
    return digestOf(manifest);
  }

  refuse(refusal: Refusal): void {
    this.#refusal = refusal;
  }

  /** Layers come only after `release`. */
  hold(): void {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    this.#held = { opened, open };
  }

  release(): void {
    this.#held?.open();
    this.#held = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #blob(mediaType: string, data: Buffer): { mediaType: string; size: number; digest: string } {
    const digest = digestOf(data);
    this.#blobs.set(digest, data);
    return { mediaType, size: data.length, digest };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('Docker-Distribution-Api-Version', 'registry/2.0');
    const wanted = this.login === undefined ? undefined : Buffer.from(this.login).toString('base64');
    const path = request.url ?? '';
    const [, name = '', kind, what = ''] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(path) ?? [];
    if (kind === 'manifests' && request.method === 'GET')
      this.asked.push(`${request.method} ${name}:${what}`);
    if (wanted !== undefined && request.headers.authorization !== `Basic ${wanted}`) {
      response.setHeader('WWW-Authenticate', 'Basic realm="test"');
      refuse(response, 401, 'UNAUTHORIZED', 'authentication required');
    } else if (this.denied.has(name)) {
      refuse(response, 403, 'DENIED', 'requested access to the resource is denied');
    } else if (path === '/v2/') {
      response.end('{}');
    } else if (kind === 'manifests') {
      this.#answerManifest(request, response, name, what);
    } else if (kind === 'blobs') {
      this.#blobsAsked++;
      const blob = this.#blobs.get(what);
      if (blob === undefined) return refuse(response, 404, 'BLOB_UNKNOWN', 'blob unknown');
      response.setHeader('Content-Length', blob.length);
      // The first half comes at once: a pull that is held has begun.
      const half = Math.floor(blob.length / 2);
      response.write(blob.subarray(0, half));
      await this.#held?.opened;
      response.end(blob.subarray(half));
    } else {
      refuse(response, 404, 'NOT_FOUND', 'no such thing');
    }
  }

  #answerManifest(request: IncomingMessage, response: ServerResponse, name: string, what: string): void {
    if (this.#refusal !== undefined && this.#refusal.times > 0) {
      const { code, message, status, times } = this.#refusal;
      this.#refusal = { ...this.#refusal, times: times - 1 };
      return refuse(response, status, code, message);
    }
    const manifest = this.#manifests.get(`${name}${what.startsWith('sha256:') ? '@' : ':'}${what}`);
    if (manifest === undefined) return refuse(response, 404, 'MANIFEST_UNKNOWN', 'manifest unknown');
    response.setHeader('Content-Type', MANIFEST);
    response.setHeader('Docker-Content-Digest', digestOf(manifest));
    response.setHeader('Content-Length', manifest.length);
    if (request.method === 'HEAD') response.end();
    else response.end(manifest);
  }
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.statusCode = status;
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify({ errors: [{ code, message }] }));
}

function digestOf(data: Buffer): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

/** A layer as images have it. */
export async function layerTar(files: Readonly<Record<string, ImageFile>>): Promise<Buffer> {
  const archive = pack();
  for (const [name, file] of Object.entries(files)) {
    const { text = '', ...header } = typeof file === 'string' ? { text: file } : file;
    const mtime = new Date('2026-01-01T00:00:00Z');
    if (header.type === undefined || header.type === 'file')
      archive.entry({ mode: 0o644, mtime, ...header, name }, text);
    else archive.entry({ mode: 0o755, mtime, ...header, name });
  }
  archive.finalize();
  return buffer(archive);
}
