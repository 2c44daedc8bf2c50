import type { CallToolResult, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { CollectedOutput } from '../client/collected-output.js';
import { CodesetClientError } from '../client/errors.js';
import type { Session } from '../client/session.js';
import { refused, told, type ToolCalls } from './tool-calls.js';

/** The largest text that is read to show lines of it, in bytes. */
const MAX_READ_BYTES = 8 * 1024 * 1024;
/** The largest image that is shown, in bytes. */
const MAX_IMAGE_BYTES = 2 * 1024 * 1024;
const DEFAULT_LINES = 2000;
const MAX_ENTRIES = 1000;

const IMAGES: readonly (readonly [string, string])[] = [
  ['image/png', '89504e47'],
  ['image/jpeg', 'ffd8ff'],
  ['image/gif', '47494638'],
];

const PATH = z.string().min(1).describe('absolute, or relative to the working directory');

/** The tools `read`, `write`, `replace` and `diff`. @param maxBytes of a text, as much as is shown at once */
export function addFileTools(server: McpServer, session: Session, calls: ToolCalls, maxBytes: number): void {
  server.registerTool(
    'read',
    {
      title: 'Read a file or directory',
      description:
        `Shows a text file, ${DEFAULT_LINES} lines at most at once (first_line and lines choose), an image, or what is in ` +
        'a directory. The text comes as it is, without line numbers, so that `replace` can be given parts of it.',
      inputSchema: z.object({
        path: PATH,
        first_line: z.number().int().min(1).optional().describe('from 1; default 1'),
        lines: z.number().int().min(1).optional().describe(`how many; default ${DEFAULT_LINES}`),
      }),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    ({ path, first_line: first = 1, lines = DEFAULT_LINES }, { mcpReq: { signal } }) =>
      calls.answer(async () => {
        const bytes = await fileOr(session, path, signal);
        if (bytes === undefined) return directory(session, path, signal);
        const image = IMAGES.find(([, magic]) => bytes.subarray(0, 4).toString('hex').startsWith(magic));
        if (image !== undefined && bytes.length <= MAX_IMAGE_BYTES)
          return { content: [{ type: 'image', mimeType: image[0], data: bytes.toString('base64') }] };
        if (bytes.length > MAX_READ_BYTES)
          return refused(
            `${path} has more than ${MAX_READ_BYTES} bytes: look at parts with \`run\`, as with sed -n 1,100p.`,
          );
        const text = textOf(bytes);
        return text === undefined
          ? refused(`${path} is no UTF-8 text (${bytes.length} bytes): look at it with \`run\`, as with xxd.`)
          : someLines(path, text, { first, lines, maxBytes });
      }),
  );
  server.registerTool(
    'write',
    {
      title: 'Write a file',
      description:
        'Writes a whole file, and the directories above it where they are missing. What it held before is gone: change ' +
        'parts of a file with `replace`.',
      inputSchema: z.object({
        path: PATH,
        content: z.string().describe('all that the file holds then'),
        executable: z.boolean().optional().describe('whether it is a program; default: as it was'),
      }),
      annotations: { destructiveHint: true, idempotentHint: true, openWorldHint: false },
    },
    ({ path, content, executable }, { mcpReq: { signal } }) =>
      calls.answer(async () => {
        const mode = executable === undefined ? undefined : executable ? 0o755 : 0o644;
        await session.writeFile(path, content, { makeParents: true, mode, signal });
        return told(`Wrote ${Buffer.byteLength(content)} bytes to ${path}.`);
      }),
  );
  server.registerTool(
    'replace',
    {
      title: 'Replace text in a file',
      description:
        'Replaces a text in a file by another. The old text has to be in the file exactly once, spaces and line ends ' +
        'included, unless replace_all is set.',
      inputSchema: z.object({
        path: PATH,
        old_text: z.string().min(1).describe('what is there now, letter by letter'),
        new_text: z.string().describe('what stands there then; may be empty'),
        replace_all: z.boolean().optional().describe('replace it wherever it stands; default false'),
      }),
      annotations: { destructiveHint: true, idempotentHint: false, openWorldHint: false },
    },
    (
      { path, old_text: oldText, new_text: newText, replace_all: replaceAll = false },
      { mcpReq: { signal } },
    ) =>
      calls.answer(async () => {
        const count = await session.replaceInFile(path, oldText, newText, { replaceAll, signal });
        return told(`Replaced ${count === 1 ? 'it' : `${count} of them`} in ${path}.`);
      }),
  );
  server.registerTool(
    'diff',
    {
      title: 'Show what was changed',
      description:
        'Shows all that the work so far changed in the workspace, new files included, as a git patch: what will be judged.',
      inputSchema: z.object({}),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    (_none, { mcpReq: { signal } }) =>
      calls.answer(async () => {
        const diff = await session.diff({ signal });
        return diff.length === 0 ? told('Nothing was changed.') : told(cut(diff, maxBytes));
      }),
  );
}

/** A file's content, one byte more than is shown at most; undefined where the path is no file, but a directory perhaps. */
async function fileOr(session: Session, path: string, signal: AbortSignal): Promise<Buffer | undefined> {
  try {
    return await session.readFile(path, { limit: MAX_READ_BYTES + 1, signal });
  } catch (error) {
    if (error instanceof CodesetClientError && error.reason === 'NOT_A_FILE') return undefined;
    throw error;
  }
}

async function directory(session: Session, path: string, signal: AbortSignal): Promise<CallToolResult> {
  const { type } = await session.stat(`${path}/.`, { signal }).catch((error: unknown) => {
    if (error instanceof CodesetClientError && error.reason === 'NOT_A_DIRECTORY') return { type: 'other' };
    throw error;
  });
  if (type !== 'directory') return refused(`${path} is neither a file nor a directory.`);
  const lines: string[] = [];
  for await (const entry of session.list(path, { signal })) {
    if (lines.length === MAX_ENTRIES) {
      lines.push(`[… more than ${MAX_ENTRIES}: list parts with \`run\`]`);
      break;
    }
    const name = entry.path.slice(entry.path.lastIndexOf('/') + 1);
    lines.push(entry.type === 'directory' ? `${name}/` : name);
  }
  return told(lines.length === 0 ? `${path} is empty.` : lines.join('\n'));
}

/** Undefined for what is no UTF-8 text. */
function textOf(bytes: Buffer): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function someLines(
  path: string,
  text: string,
  { first, lines, maxBytes }: { readonly first: number; readonly lines: number; readonly maxBytes: number },
): CallToolResult {
  if (text === '') return told(`${path} is empty.`);
  const all = text.split(/(?<=\n)/);
  if (first > all.length) return refused(`${path} has ${all.length} lines, none from line ${first} on.`);
  const chosen: string[] = [];
  let bytes = 0;
  for (const line of all.slice(first - 1, first - 1 + lines)) {
    bytes += Buffer.byteLength(line);
    if (bytes > maxBytes && chosen.length > 0) break;
    chosen.push(line);
  }
  // One line alone may be longer than all that is shown.
  const shown = chosen.length === 1 ? cut(Buffer.from(chosen[0] ?? ''), maxBytes) : chosen.join('');
  const last = first - 1 + chosen.length;
  if (first === 1 && last === all.length) return told(shown);
  const end = shown.endsWith('\n') ? '' : '\n';
  return told(`${shown}${end}[lines ${first} to ${last} of ${all.length} of ${path}]`);
}

/** As a text, its middle left out where it is longer than `maxBytes`. */
function cut(bytes: Buffer, maxBytes: number): string {
  const shown = new CollectedOutput(maxBytes);
  shown.add(bytes);
  return shown.text();
}
