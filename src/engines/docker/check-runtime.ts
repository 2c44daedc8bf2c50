import { failedPrecondition } from '../../core/errors.js';
import type { DockerClient } from './docker-client.js';

/** @throws ENGINE_UNSUPPORTED for a runtime (`docker_runtime`) that the daemon does not know */
export function checkRuntime({ address, daemon }: DockerClient, runtime: string | undefined): void {
  if (runtime === undefined || daemon.runtimes.includes(runtime)) return;
  throw failedPrecondition(
    'ENGINE_UNSUPPORTED',
    `The Docker at ${address} has no runtime "${runtime}", only ${daemon.runtimes.join(', ')}: set docker_runtime to one of these, or list it under "runtimes" in Docker's daemon.json.`,
  );
}
