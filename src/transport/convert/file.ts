import * as pb from '../../../gen/codeset/v1/file.js';
import { enumTable } from '../enum-table.js';
import type { FileEntry } from '../../core/session-files.js';

export const fileTypes = enumTable(pb.FileType, {
  REGULAR: 'REGULAR',
  DIRECTORY: 'DIRECTORY',
  SYMLINK: 'SYMLINK',
  OTHER: 'OTHER',
});

export function fileToProto(file: FileEntry): pb.FileInfo {
  return {
    path: file.path,
    type: fileTypes.toProto(file.type),
    mode: file.mode,
    sizeBytes: BigInt(file.sizeBytes),
    modifyTime: file.modifyTime,
    uid: file.uid,
    gid: file.gid,
    symlinkTarget: file.symlinkTarget,
  };
}
