import { mustOwnSession, type Caller } from './call-context.js';
import { Checker, MIB } from './checker.js';
import { asBuffer } from './convert/exec.js';
import { fileToProto } from './convert/file.js';
import { decodePageToken, encodePageToken } from './page-token.js';
import type { SessionService } from './session-service.js';
import { inPieces, openUpload } from './upload.js';
import type { FileUseCases } from './use-cases.js';

type FileCalls = Pick<
  SessionService,
  | 'readFile'
  | 'writeFile'
  | 'stat'
  | 'listDirectory'
  | 'move'
  | 'remove'
  | 'uploadArchive'
  | 'downloadArchive'
  | 'replaceInFile'
  | 'applyPatch'
  | 'getDiff'
>;

const DEFAULT_READ_BYTES = MIB;
const MAX_READ_BYTES = 2 * MIB;
const MAX_WRITE_BYTES = 3 * MIB;
const MAX_EDIT_BYTES = MIB;
const MAX_PATCH_BYTES = 3 * MIB;
const MAX_PATH_BYTES = 4096;
const MAX_MODE = 0o7777;
const MAX_CHANGED_PATHS = 1000;
const DIRECTORY_PAGE = { default: 200, max: 1000 };

export function fileCalls(files: FileUseCases): FileCalls {
  return {
    async readFile(request, context) {
      const check = new Checker();
      const path = sessionAndPath(check, request);
      const offset = check.offset('offset', request.offset);
      const limit = check.count('limit', request.limit, MAX_READ_BYTES);
      allow(check, context, request.sessionId);
      const { data, sizeBytes } = await files.read(
        request.sessionId,
        path,
        offset,
        limit === 0 ? DEFAULT_READ_BYTES : limit,
      );
      return { data: asBuffer(data), sizeBytes: BigInt(sizeBytes) };
    },

    async writeFile(request, context) {
      const check = new Checker();
      const path = sessionAndPath(check, request);
      check.bytes('data', request.data, { max: MAX_WRITE_BYTES });
      if (request.mode !== undefined) check.count('mode', request.mode, MAX_MODE);
      allow(check, context, request.sessionId);
      await files.write(request.sessionId, path, request.data, {
        mode: request.mode,
        makeParents: request.makeParents,
      });
      return {};
    },

    async stat(request, context) {
      const check = new Checker();
      const path = sessionAndPath(check, request);
      allow(check, context, request.sessionId);
      return { file: fileToProto(await files.stat(request.sessionId, path)) };
    },

    async listDirectory(request, context) {
      const check = new Checker();
      const path = sessionAndPath(check, request);
      const size = check.pageSize(request.pageSize, DIRECTORY_PAGE);
      allow(check, context, request.sessionId);
      const filter = { sessionId: request.sessionId, path };
      const after = decodePageToken('directory', filter, request.pageToken);
      const page = await files.list(request.sessionId, path, { size, after });
      return {
        files: page.items.map(fileToProto),
        nextPageToken: encodePageToken('directory', filter, page.next),
      };
    },

    async move(request, context) {
      const check = new Checker();
      check.id('session_id', request.sessionId);
      const source = pathOf(check, 'source', request.source);
      const destination = pathOf(check, 'destination', request.destination);
      allow(check, context, request.sessionId);
      await files.move(request.sessionId, source, destination, request.overwrite);
      return {};
    },

    async remove(request, context) {
      const check = new Checker();
      const path = sessionAndPath(check, request);
      allow(check, context, request.sessionId);
      await files.remove(request.sessionId, path, request.recursive);
      return {};
    },

    async uploadArchive(requests, context) {
      const upload = await openUpload(requests, context.signal);
      const check = new Checker();
      check.id('header.session_id', upload.header.sessionId);
      const path = pathOf(check, 'header.path', upload.header.path);
      allow(check, context, upload.header.sessionId);
      await files.unpack(upload.header.sessionId, path, upload.content);
      return { receivedBytes: BigInt(upload.receivedBytes) };
    },

    async *downloadArchive(request, context) {
      const check = new Checker();
      const path = sessionAndPath(check, request);
      allow(check, context, request.sessionId);
      yield* inPieces(files.pack(request.sessionId, path, context.signal));
    },

    async replaceInFile(request, context) {
      const check = new Checker();
      const path = sessionAndPath(check, request);
      // Text may hold anything, NUL included, so that only its size is checked.
      check.bytes('old_text', Buffer.from(request.oldText), { required: true, max: MAX_EDIT_BYTES });
      check.bytes('new_text', Buffer.from(request.newText), { max: MAX_EDIT_BYTES });
      if (request.oldText !== '' && request.oldText === request.newText) {
        check.fail('new_text', 'is equal to old_text: nothing would change');
      }
      allow(check, context, request.sessionId);
      const replacedCount = await files.replace(request.sessionId, path, {
        oldText: request.oldText,
        newText: request.newText,
        all: request.replaceAll,
      });
      return { replacedCount };
    },

    async applyPatch(request, context) {
      const check = new Checker();
      check.id('session_id', request.sessionId);
      check.bytes('diff', request.diff, { required: true, max: MAX_PATCH_BYTES });
      allow(check, context, request.sessionId);
      const changed = await files.applyPatch(request.sessionId, request.diff, context.signal);
      return { changedPaths: changed.slice(0, MAX_CHANGED_PATHS) };
    },

    async *getDiff(request, context) {
      const check = new Checker();
      check.id('session_id', request.sessionId);
      allow(check, context, request.sessionId);
      yield* inPieces(files.diff(request.sessionId, context.signal));
    },
  };
}

/** @throws what `check` found, then SESSION_NOT_FOUND for an agent of another session. */
function allow(check: Checker, context: Caller, sessionId: string): void {
  check.done();
  mustOwnSession(context, sessionId);
}

function sessionAndPath(
  check: Checker,
  request: { readonly sessionId: string; readonly path: string },
): string {
  check.id('session_id', request.sessionId);
  return pathOf(check, 'path', request.path);
}

function pathOf(check: Checker, field: string, path: string): string {
  return check.text(field, path, { required: true, max: MAX_PATH_BYTES });
}
