import { FileType, type FileInfo as WireFile } from '../../gen/codeset/v1/file.js';

/** What is known of a file in a sandbox. */
export interface FileInfo {
  /** As it was asked for; of an entry of a directory, the directory's path, `/` and its name. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'other';
  /** Permission bits, set-user-id and so on: the low 12 bits of st_mode. */
  readonly mode: number;
  /** In bytes; of a symbolic link the length of its target. */
  readonly size: number;
  /** When its content changed last. */
  readonly modifyTime: Date;
  /** The owner's number, as the sandbox sees it. */
  readonly uid: number;
  readonly gid: number;
  /** Where a symbolic link points, as written. Undefined for anything else. */
  readonly symlinkTarget: string | undefined;
}

const TYPES: Readonly<Record<number, FileInfo['type']>> = {
  [FileType.REGULAR]: 'file',
  [FileType.DIRECTORY]: 'directory',
  [FileType.SYMLINK]: 'symlink',
};

export function fileInfo(file: WireFile): FileInfo {
  const type = TYPES[file.type] ?? 'other';
  return {
    path: file.path,
    type,
    mode: file.mode,
    size: Number(file.sizeBytes),
    modifyTime: file.modifyTime ?? new Date(0),
    uid: file.uid,
    gid: file.gid,
    symlinkTarget: type === 'symlink' ? file.symlinkTarget : undefined,
  };
}
