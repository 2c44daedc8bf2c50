import { McpServer } from '@modelcontextprotocol/server';
import type { Session } from '../client/session.js';
import { addCommandTools, type CommandLimits } from './command-tools.js';
import { addFileTools } from './file-tools.js';
import type { ToolCalls } from './tool-calls.js';

export interface SessionServerOptions {
  /** The session that the tools work in: `run` and all others reach no other. */
  readonly session: Session;
  /** Takes up the calls of all its tools. */
  readonly calls: ToolCalls;
  /** What the agent is to do; offered as a prompt. Undefined where it is not known. */
  readonly task: string | undefined;
  /** What the model is told of the sandbox besides how to use the tools: sentences with a space behind each. */
  readonly about: string;
  readonly limits: CommandLimits;
  /** Of this program, `0.1.0`. */
  readonly version: string;
}

/** Tools of the Model Context Protocol that work in one session: run, shell, read, write, replace, diff. */
export function sessionServer(options: SessionServerOptions): McpServer {
  const { session, calls, task, about, limits, version } = options;
  const server = new McpServer(
    { name: 'codeset', title: 'codeset sandbox', version },
    {
      instructions: `These tools work in a sandbox that is yours. ${about}What was changed is judged from the files, as \`diff\` shows them.`,
    },
  );
  addCommandTools(server, session, calls, limits);
  addFileTools(server, session, calls, limits.maxOutputBytes);
  if (task !== undefined)
    server.registerPrompt(
      'task',
      { title: 'The task', description: 'What is to be done in the sandbox' },
      () => ({
        messages: [{ role: 'user', content: { type: 'text', text: task } }],
      }),
    );
  return server;
}
