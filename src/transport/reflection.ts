import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ServerReflection, ServerReflectionService } from 'nice-grpc-server-reflection';
import type { GrpcHost } from './grpc-host.js';

/** From src/transport and, compiled, from dist/src/transport or a folder of dist/. */
const PLACES = ['../../gen/codeset.binpb', '../../../gen/codeset.binpb', '../../../../gen/codeset.binpb'];
const V1 = '/grpc.reflection.v1.';
const V1ALPHA = '/grpc.reflection.v1alpha.';

function descriptorSet(): Uint8Array {
  const paths = PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const path = paths.find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error(`gen/codeset.binpb is missing; run \`npm run gen\`.`);
  return readFileSync(path);
}

/**
 * Serves reflection under both of its names: the messages are the same on the wire, and some clients only know
 * the old one.
 *
 * @param names every service to be listed; each has to be in the descriptor set, or listing breaks as a whole.
 */
export function addReflection(host: GrpcHost, names: readonly string[]): void {
  const implementation = ServerReflection(descriptorSet(), [...names]);
  host.add({ serverReflectionInfo: ServerReflectionService.serverReflectionInfo }, implementation);
  const method = ServerReflectionService.serverReflectionInfo;
  host.add({ serverReflectionInfo: { ...method, path: method.path.replace(V1, V1ALPHA) } }, implementation);
}
