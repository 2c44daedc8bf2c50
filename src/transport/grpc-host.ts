import { Server, ServerCredentials, type ServerOptions } from '@grpc/grpc-js';
import type { Method } from './codec.js';
import { handlerOf, type Implementation } from './handlers.js';
import type { CallGate } from './middleware/call-gate.js';

/**
 * Services on one port. It stands right on grpc-js, with the gate around every call and nothing else between: what
 * a library for servers adds there costs a short command more than all the rest of its way through the service.
 */
export class GrpcHost {
  readonly #server: Server;
  readonly #gate: CallGate;

  constructor(options: ServerOptions, gate: CallGate) {
    this.#server = new Server(options);
    this.#gate = gate;
  }

  /** @param implementation a handler for every method. */
  add(methods: Readonly<Record<string, Method>>, implementation: object): void {
    const handlers = implementation as Readonly<Record<string, Implementation | undefined>>;
    const bound = Object.entries(methods).map(([key, method]) => {
      const handler = handlers[key];
      if (handler === undefined) throw new Error(`nothing answers ${method.path}`);
      return [key, handlerOf(method, handler.bind(implementation), this.#gate)] as const;
    });
    this.#server.addService({ ...methods }, Object.fromEntries(bound));
  }

  /** @returns the port; for a path, whatever grpc-js makes of it. */
  listen(target: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(target, ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  }

  /** Takes no more connections; resolves when the last call is over. */
  shutdown(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.tryShutdown((error) => (error === undefined ? resolve() : reject(error)));
    });
  }
}
