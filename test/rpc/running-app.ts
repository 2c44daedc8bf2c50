import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from '../../src/app.js';
import { loadServerConfig } from '../../src/config.js';
import type { EngineOpeners } from '../../src/open-engines.js';
import { connect, type TestClient } from './client.js';
import { memoryLog, type Logged } from './scripted.js';
import { dockerAt, ownerOf, removeBelongings } from '../support/docker.js';
import { engineFlags } from '../support/engine-here.js';

/** The whole service on port 0 with a folder of its own: real storage, real sandboxes. */
export interface RunningApp extends AsyncDisposable {
  readonly app: App;
  readonly dataDir: string;
  readonly adminKey: string;
  readonly log: readonly Logged[];
  /** With the admin's key unless another is given. Closed with the app. */
  client(key?: string): TestClient;
  /** Stops and starts it again on the same data. */
  restart(): Promise<void>;
}

/**
 * @param flags settings as the command line gives them.
 * @param openers how engines are opened, where that is not as usual
 */
export async function startApp(
  flags: Readonly<Record<string, string | boolean>> = {},
  openers?: EngineOpeners,
): Promise<RunningApp> {
  const root = await mkdtemp(join(tmpdir(), 'codeset-app-'));
  // Sandboxes enter the run folder with ids of their own.
  await chmod(root, 0o711);
  const dataDir = join(root, 'data');
  const log: Logged[] = [];
  const engine: Record<string, string> =
    openers === undefined && flags['engine'] === undefined ? await engineFlags() : {};
  const config = loadServerConfig({
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
    flags: { dataDir, runDir: join(root, 'run'), listen: '127.0.0.1:0', ...engine, ...flags },
  });
  let app = await App.start(config, memoryLog(log), openers);
  const clients: TestClient[] = [];
  const adminKey = (await readFile(app.adminKey.path, 'utf8')).trim();
  const closeClients = (): void => {
    for (const client of clients.splice(0)) client.channel.close();
  };
  return {
    get app() {
      return app;
    },
    dataDir,
    adminKey,
    log,
    client(key = adminKey) {
      const client = connect(app.address, key);
      clients.push(client);
      return client;
    },
    async restart() {
      closeClients();
      await app.stop(2000);
      app = await App.start(config, memoryLog(log), openers);
    },
    async [Symbol.asyncDispose]() {
      try {
        await connect(app.address, adminKey).sessions.closeSessions({ all: true });
      } finally {
        closeClients();
        await app.stop(2000);
        if (engine['dockerHost'] !== undefined) {
          await removeBelongings(dockerAt(engine['dockerHost']), ownerOf(dataDir));
        }
        await rm(root, { recursive: true, force: true });
      }
    },
  };
}
