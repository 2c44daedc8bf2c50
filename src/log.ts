import { pino } from 'pino';
import type { Log } from './core/ports/log.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** The service's log: JSON lines on stderr, so that stdout stays for what people and programs parse. */
export function createLog(level: LogLevel): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 2, sync: true }),
  );
  return {
    debug: (message, fields) => logger.debug(named(fields), message),
    info: (message, fields) => logger.info(named(fields), message),
    warn: (message, fields) => logger.warn(named(fields), message),
    error: (message, fields) => logger.error(named(fields), message),
  };
}

// Pino spells errors out only under the name `err`.
function named(fields: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const { error, ...rest } = fields;
  return error === undefined ? rest : { ...rest, err: error };
}
