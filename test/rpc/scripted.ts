import { CodesetError, notFound } from '../../src/core/errors.js';
import type { Principal } from '../../src/core/key.js';
import type { SandboxExecs } from '../../src/core/ports/execs.js';
import type { Log } from '../../src/core/ports/log.js';
import { startGrpcServer, type GrpcServer } from '../../src/transport/server.js';
import type { UseCases } from '../../src/transport/use-cases.js';

// A real server on a real port, over use cases that a test writes down: for what can't be brought about on
// demand, such as a defect, and for what concerns the transport alone.

export const KEYS: Readonly<Record<string, Principal>> = {
  admin: { role: 'ADMIN', keyId: 'key_admin', sessionId: undefined },
  runner: { role: 'RUNNER', keyId: 'key_runner', sessionId: undefined },
  agent: { role: 'AGENT', keyId: 'key_agent', sessionId: 'ses_own' },
};

export type Logged = {
  level: string;
  message: string;
  fields: Readonly<Record<string, unknown>> | undefined;
};

export function memoryLog(lines: Logged[]): Log {
  const at = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) =>
    void lines.push({ level, message, fields });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

type Parts = { readonly [K in keyof UseCases]?: Partial<UseCases[K]> };

/** Whatever a test does not write down is a defect when it is called. */
function complete<T extends object>(name: string, part: Partial<T> | undefined): T {
  return new Proxy((part ?? {}) as T, {
    get: (target, key) =>
      // A promise looks for `then` in whatever it is resolved with.
      key === 'then'
        ? undefined
        : (Reflect.get(target, key) ??
          (() => {
            throw new Error(`secret text: ${name}.${String(key)} was called`);
          })),
  });
}

export async function scriptedServer(
  parts: Parts,
  options: { log?: Log; auth?: boolean; listen?: string } = {},
): Promise<GrpcServer> {
  return startGrpcServer({
    useCases: {
      samples: complete('samples', parts.samples),
      sessions: complete('sessions', parts.sessions),
      files: complete('files', parts.files),
      snapshots: complete('snapshots', parts.snapshots),
      verifications: complete('verifications', parts.verifications),
      keys: complete('keys', parts.keys ?? { authenticate: async (secret) => KEYS[secret] }),
    },
    log: options.log ?? memoryLog([]),
    listen: options.listen ?? '127.0.0.1:0',
    auth: options.auth ?? true,
  });
}

/** The sessions part for one session with these commands. */
export function sessionWith(execs: Partial<SandboxExecs>): Parts['sessions'] {
  const all = complete<SandboxExecs>('execs', execs);
  return {
    execs: async (sessionId) => {
      if (sessionId !== 'ses_own') throw notFound('SESSION_NOT_FOUND', 'session', sessionId);
      return all;
    },
  };
}

export function stdinClosed(): CodesetError {
  return new CodesetError('failed-precondition', 'STDIN_CLOSED', 'It takes no input.');
}
