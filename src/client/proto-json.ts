import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  createFileRegistry,
  fromBinary,
  toJson,
  type FileRegistry,
  type JsonValue,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Exec, ExecResult } from '../../gen/codeset/v1/exec.js';
import { Sample } from '../../gen/codeset/v1/sample.js';
import {
  AuditSampleResponse,
  GetSampleResponse,
  ListSamplesResponse,
  PrefetchSamplesResponse,
  RegisterSampleResponse,
  ValidateSampleResponse,
  WatchSampleResponse,
} from '../../gen/codeset/v1/sample_service.js';
import { EngineCapabilities, Session } from '../../gen/codeset/v1/session.js';
import {
  ApplyPatchResponse,
  CloseSessionsResponse,
  CreateSessionResponse,
  ExecExited,
  ExecResponse,
  ForkSessionResponse,
  GetDiffResponse,
  ListSessionsResponse,
  ListSnapshotsResponse,
  WatchSessionResponse,
} from '../../gen/codeset/v1/session_service.js';
import { Snapshot } from '../../gen/codeset/v1/snapshot.js';
import { Verification } from '../../gen/codeset/v1/verification.js';
import {
  ListVerificationsResponse,
  WatchVerificationResponse,
} from '../../gen/codeset/v1/verification_service.js';

export type { JsonObject } from '@bufbuild/protobuf';

// ts-proto's own toJSON writes durations its own way; this is proto3 JSON as every other tool writes it.

const TYPES = {
  ApplyPatchResponse,
  AuditSampleResponse,
  CloseSessionsResponse,
  CreateSessionResponse,
  EngineCapabilities,
  ExecExited,
  Exec,
  ExecResponse,
  ExecResult,
  ForkSessionResponse,
  GetDiffResponse,
  GetSampleResponse,
  ListSamplesResponse,
  ListSessionsResponse,
  ListSnapshotsResponse,
  ListVerificationsResponse,
  PrefetchSamplesResponse,
  RegisterSampleResponse,
  Sample,
  Session,
  Snapshot,
  ValidateSampleResponse,
  Verification,
  WatchSampleResponse,
  WatchSessionResponse,
  WatchVerificationResponse,
};

type Types = typeof TYPES;
export type JsonType = keyof Types;
export type MessageOf<T extends JsonType> = ReturnType<Types[T]['decode']>;

/** From src/client and, compiled, from dist/src/client or a folder in dist. */
const PLACES = ['../../gen/codeset.binpb', '../../../gen/codeset.binpb', '../../../../gen/codeset.binpb'];
let registry: FileRegistry | undefined;

/** proto3 JSON of a message: lowerCamelCase, enums by name, int64 as strings, bytes as base64, `1.5s`. */
export function protoJson<T extends JsonType>(type: T, message: MessageOf<T>): JsonValue {
  const fields = TYPES[type] as unknown as { encode(message: MessageOf<T>): { finish(): Uint8Array } };
  registry ??= readRegistry();
  const schema = registry.getMessage(`codeset.v1.${type}`);
  if (schema === undefined) throw new Error(`gen/codeset.binpb has no ${type}; run \`npm run gen\`.`);
  return toJson(schema, fromBinary(schema, fields.encode(message).finish()), { registry });
}

function readRegistry(): FileRegistry {
  const paths = PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const path = paths.find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error('gen/codeset.binpb is missing; run `npm run gen`.');
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(path)));
}
