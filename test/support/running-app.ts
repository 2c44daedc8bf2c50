import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { App } from '../../src/app.js';
import { loadServerConfig } from '../../src/config.js';
import type { Log } from '../../src/core/ports/log.js';
import type { EngineOpeners } from '../../src/open-engines.js';
import { connect, type TestClient } from '../rpc/client.js';
import { memoryLog, type Logged } from '../rpc/scripted.js';
import { dockerAt, ownerOf, removeBelongings } from './docker.js';
import { engineFlags } from './engine-here.js';
import { tempFolder, type TempFolder } from './temp-folder.js';

/** The whole service on port 0 in this process: real storage, real sandboxes on the engine of this run. */
export interface RunningApp extends AsyncDisposable {
  readonly app: App;
  readonly dataDir: string;
  readonly adminKey: string;
  /** What it logged, unless it was given a log. */
  readonly log: readonly Logged[];
  /** With the admin's key unless another is given. Closed with the app. */
  client(key?: string): TestClient;
  /** Stops and starts it again on the same data. */
  restart(): Promise<void>;
}

export interface AppOptions {
  /** Settings as the command line gives them. */
  readonly flags?: Readonly<Record<string, string | boolean>>;
  /** How engines are opened, where that is not as usual. */
  readonly openers?: EngineOpeners | undefined;
  /** The caller's, which outlives this service; else it has one of its own. */
  readonly folder?: TempFolder | undefined;
  /** What of the machine's own environment the service sees. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly log?: Log;
}

export async function startApp({
  flags = {},
  openers,
  folder,
  env = { PATH: process.env['PATH'], HOME: process.env['HOME'] },
  log,
}: AppOptions = {}): Promise<RunningApp> {
  const { path, [Symbol.asyncDispose]: removeFolder } = folder ?? (await tempFolder());
  // The sandboxes' root is an ordinary user on the host, and has to get through to its mounts.
  await chmod(path, 0o711);
  const dataDir = join(path, 'data');
  const lines: Logged[] = [];
  const here: Readonly<Record<string, string>> =
    openers === undefined && flags['engine'] === undefined ? await engineFlags() : {};
  const all = { dataDir, runDir: join(path, 'run'), listen: '127.0.0.1:0', ...here, ...flags };
  const config = loadServerConfig({ env, flags: all });
  const start = (): Promise<App> => App.start(config, log ?? memoryLog(lines), openers);
  let app = await start();
  const adminKey = (await readFile(app.adminKey.path, 'utf8')).trim();
  const clients: TestClient[] = [];
  const client = (key = adminKey): TestClient => {
    const made = connect(app.address, key);
    clients.push(made);
    return made;
  };
  const stop = async (): Promise<void> => {
    for (const one of clients.splice(0)) one[Symbol.dispose]();
    await app.stop(2000);
  };
  return {
    get app() {
      return app;
    },
    dataDir,
    adminKey,
    log: lines,
    client,
    async restart() {
      await stop();
      app = await start();
    },
    async [Symbol.asyncDispose]() {
      try {
        // Sandboxes outlive their service, so a test ends its own.
        await client().sessions.closeSessions({ all: true });
      } finally {
        await stop();
        // What outlives a service is for its next life, which a test that gave the folder may begin.
        if (folder === undefined) {
          const { engine, dockerHost } = all as Readonly<Record<string, string | boolean>>;
          if (engine === 'docker' && typeof dockerHost === 'string')
            await removeBelongings(dockerAt(dockerHost), ownerOf(dataDir));
          await removeFolder();
        }
      }
    },
  };
}
