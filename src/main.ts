import { once } from 'node:events';
import { App } from './app.js';
import { ConfigError } from './config.js';
import type { ServerConfig } from './config-settings.js';
import { CodesetError } from './core/errors.js';
import { createLog } from './log.js';

/** How long a service that has stopped waits for what is left to end by itself. */
const LEFT_MS = 5000;

/** What keeps a server from starting, as a sentence for its operator. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/**
 * The process edge of the server: starts it, and runs it until SIGTERM or SIGINT; a second one ends at once.
 * @param ready called once with the running service.
 * @returns the exit status. @throws StartError, ConfigError
 */
export async function serve(config: ServerConfig, ready: (app: App) => void): Promise<number> {
  const log = createLog(config.logLevel);
  const stopping = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping.signal.aborted) process.exit(128 + (signal === 'SIGINT' ? 2 : 15));
    log.info('stopping', { signal, grace_ms: config.shutdownGrace });
    stopping.abort();
  };
  // A terminal that was closed must not take the server's sandboxes out of its sight unannounced.
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal).on('SIGHUP', onSignal);
  const onDefect = (error: unknown): void => {
    log.error('a defect of the service; it ends, and takes everything up at its next start', { error });
    process.exit(3);
  };
  process.on('uncaughtException', onDefect).on('unhandledRejection', onDefect);
  try {
    const app = await start(config, log);
    ready(app);
    if (!stopping.signal.aborted) await once(stopping.signal, 'abort');
    await app.stop();
    log.info('stopped');
    // What an engine that hangs was asked, and was not waited for, must not hold the process.
    setTimeout(() => process.exit(0), LEFT_MS).unref();
    return 0;
  } finally {
    process.off('SIGTERM', onSignal).off('SIGINT', onSignal).off('SIGHUP', onSignal);
    process.off('uncaughtException', onDefect).off('unhandledRejection', onDefect);
  }
}

async function start(config: ServerConfig, log: ReturnType<typeof createLog>): Promise<App> {
  try {
    return await App.start(config, log);
  } catch (error) {
    // Of the settings' own kind, though it is only found out by trying.
    if (error instanceof CodesetError && error.reason === 'INVALID_FIELD')
      throw new ConfigError(error.message, { cause: error });
    if (error instanceof CodesetError) throw new StartError(error.message, { cause: error });
    const text = error instanceof Error ? error.message : String(error);
    const { listen } = config;
    const where = listen.kind === 'unix' ? `unix:${listen.path}` : `${listen.host}:${listen.port}`;
    if (/EADDRINUSE|No address added/.test(text)) {
      throw new StartError(
        `${where} can't be listened on, it seems to be taken: choose another with --listen.`,
        {
          cause: error,
        },
      );
    }
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
      throw new StartError(`${text}: run as root, or choose another folder with --data-dir.`, {
        cause: error,
      });
    }
    throw error;
  }
}
