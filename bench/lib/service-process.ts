import { App } from '../../src/app.js';
import { loadServerConfig } from '../../src/config.js';
import { createLog } from '../../src/log.js';

// The service under measurement, in a process of its own: `DATA_DIR RUN_DIR ENGINE DOCKER_HOST LINK`. Its settings are the
// defaults; nothing of the caller's environment changes them. One line of JSON on stdout once it is ready.

const [dataDir = '', runDir = '', engine = 'auto', dockerHost = '', dockerLink = 'auto'] =
  process.argv.slice(2);
const config = loadServerConfig({
  flags: {
    listen: `unix:${runDir}/server.sock`,
    dataDir: `${dataDir}`,
    runDir,
    engine,
    ...(dockerHost === '' ? {} : { dockerHost, dockerLink }),
    logLevel: 'warn',
    maxSessions: '5000',
    maxTtl: '24h',
    defaultTtl: '2h',
    shutdownGrace: '2s',
  },
  env: { HOME: process.env['HOME'], PATH: process.env['PATH'] },
});

const app = await App.start(config, createLog(config.logLevel));
let stopping = false;
const stop = (): void => {
  if (stopping) return;
  stopping = true;
  app.stop().then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
};
// A Ctrl-C reaches the whole group; the parent still has sessions to close and ends this by hanging up.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined);
process.on('disconnect', stop);
console.log(JSON.stringify({ address: app.address, key: app.adminKey.path }));
