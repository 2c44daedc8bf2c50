import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Server } from 'nice-grpc';
import { ServerReflection, ServerReflectionService } from 'nice-grpc-server-reflection';

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
export function addReflection(server: Pick<Server, 'add'>, names: readonly string[]): void {
  const implementation = ServerReflection(descriptorSet(), [...names]);
  server.add(ServerReflectionService, implementation);
  const method = ServerReflectionService.serverReflectionInfo;
  const alpha = { serverReflectionInfo: { ...method, path: method.path.replace(V1, V1ALPHA) } };
  server.add(alpha as typeof ServerReflectionService, implementation);
}
