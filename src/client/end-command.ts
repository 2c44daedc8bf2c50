import type { ExecCall } from './exec-call.js';

/**
 * While it is not disposed, an abort of `signal` ends the command: it gets SIGKILL at once, its stream is closed,
 * and after its lease the service ends whatever is left of it.
 */
export function endOnAbort(call: ExecCall, signal: AbortSignal | undefined): Disposable {
  const abort = (): void => {
    // The command may have ended, and the service may be gone: then there is nothing to end, or no way to.
    call.signal('SIGKILL').catch(() => undefined);
    call.cancel(signal?.reason);
  };
  signal?.addEventListener('abort', abort);
  if (signal?.aborted === true) abort();
  return { [Symbol.dispose]: () => signal?.removeEventListener('abort', abort) };
}
