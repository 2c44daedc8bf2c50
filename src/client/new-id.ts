import { randomUUID } from 'node:crypto';

/** An id for a request or a command, by which sending it again does it once. */
export function newId(prefix: string): string {
  return `${prefix}_${randomUUID().replaceAll('-', '')}`;
}
