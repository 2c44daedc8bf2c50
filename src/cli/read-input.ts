import { readFile } from 'node:fs/promises';
import type { CommandContext } from './context.js';
import { CommandError, NEGATIVE } from './exit-status.js';

/** A file's content; `-` is stdin. */
export async function readInput({ io }: CommandContext, file: string): Promise<Buffer> {
  if (file === '-') {
    const chunks: Buffer[] = [];
    for await (const chunk of io.stdin as AsyncIterable<Buffer | string>)
      chunks.push(Buffer.from(chunk as Buffer));
    return Buffer.concat(chunks);
  }
  return readFile(file).catch((cause: unknown) => {
    throw new CommandError(`There is no file ${file} that can be read.`, NEGATIVE, { cause });
  });
}
