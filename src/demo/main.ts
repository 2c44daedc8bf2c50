import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { App } from '../app.js';
import { Connection } from '../client/connection.js';
import { loadClientConfig, loadServerConfig } from '../config.js';
import { CodesetError } from '../core/errors.js';
import { createLog } from '../log.js';
import type { ServerConfig } from '../config-settings.js';
import type { Log } from '../core/ports/log.js';
import { showAdminKey } from '../key-admin.js';
import { removeFromDocker } from '../open-engines.js';
import { workingDay } from './day.js';
import { TemporaryHome } from './home.js';
import { Story } from './story.js';

// `npm run demo`: the main job on a real sample, on a server of its own that leaves nothing behind.

const SAMPLE = 'samples/examples/median-of-even-lists';
/** From src/demo and, compiled, from dist/src/demo or a folder in dist. */
const ROOTS = ['../../', '../../../', '../../../../'];

process.exitCode = await demo();

async function demo(): Promise<number> {
  const story = new Story(process.stdout, process.stdout.isTTY && !loadClientConfig().noColor);
  // A signal in the middle ends the day early, and everything is still removed.
  const interrupted = new AbortController();
  const onSignal = (): void => interrupted.abort();
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    await using home = await TemporaryHome.make();
    const config = loadServerConfig({
      flags: {
        dataDir: join(home.folder, 'data'),
        runDir: join(home.folder, 'run'),
        databaseUrl: 'sqlite:',
        listen: '127.0.0.1:0',
        logLevel: 'error',
        insecureNoAuth: false,
        shutdownGrace: '1s',
      },
    });
    const log = createLog(config.logLevel);
    await using _ = { [Symbol.asyncDispose]: () => leaveDocker(config, log) };
    story.step('Start a server: one process, no daemon');
    await using app = await App.start(config, log);
    const works = app.capabilities.filter(({ runtime }) => runtime !== '');
    const engines = works.map(({ engine, runtime }) => `the ${engine} engine on ${runtime}`);
    story.say(`listening on ${app.address}, sandboxes by ${engines.join(' and ')}`);
    const { secret } = await showAdminKey(config.dataDir);
    using connection = new Connection({ address: app.address, apiKey: secret });
    let well: boolean;
    try {
      well = await Promise.race([workingDay(connection, sampleFolder(), story), aborted(interrupted.signal)]);
    } finally {
      await endEverything(connection);
    }
    if (!well) {
      story.bad('The verdicts are not FAILED and then PASSED.');
      return 1;
    }
    story.good(`FAILED, then PASSED: an agent's working day in ${story.seconds} s.`);
    story.say('Next: `npm run -s codeset -- serve` and `npm run -s codeset -- --help`.');
    return 0;
  } catch (error) {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof CodesetError && error.reason === 'ENGINE_UNSUPPORTED' ? 3 : 1;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = (): void => reject(new Error('The demo was interrupted.'));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

/** Sandboxes outlive a server that stops; these are to go with it. */
async function endEverything({ sessions, verifications }: Connection): Promise<void> {
  const { verifications: known } = await verifications.listVerifications({});
  for (const { verificationId, endTime } of known) {
    // One that ended meanwhile needs no cancelling.
    if (endTime === undefined)
      await verifications.cancelVerification({ verificationId }).catch(() => undefined);
  }
  await sessions.closeSessions({ all: true });
}

/** What a service keeps in Docker for its next life: this one has none. */
async function leaveDocker(config: ServerConfig, log: Log): Promise<void> {
  if (config.engine === 'local' || !existsSync(config.dataDir)) return;
  try {
    await removeFromDocker(config, log);
  } catch (error) {
    // Where no Docker answers there is nothing of this server's in it.
    if (error instanceof CodesetError && error.reason === 'ENGINE_UNAVAILABLE') return;
    throw error;
  }
}

function sampleFolder(): string {
  const folders = ROOTS.map((root) => fileURLToPath(new URL(root + SAMPLE, import.meta.url)));
  return folders.find((folder) => existsSync(folder)) ?? folders[0] ?? SAMPLE;
}
