import type { CallToolResult } from '@modelcontextprotocol/server';
import { CodesetClientError } from '../client/errors.js';

/** What a tool answers with: text for the model to read. */
export function told(text: string): CallToolResult {
  return { content: [{ type: 'text', text }] };
}

/** The tool could not do it; the text says why, so that the model can do something else. */
export function refused(text: string): CallToolResult {
  return { ...told(text), isError: true };
}

/** The calls of tools that are in work. */
export class ToolCalls {
  readonly #running = new Set<Promise<unknown>>();

  /**
   * Does a tool's work. What the service refuses is an answer for the model, with its reason, and not a failure of the
   * protocol.
   */
  answer(work: () => Promise<CallToolResult>): Promise<CallToolResult> {
    const running = answerOf(work);
    const settled = running.catch(() => undefined).finally(() => this.#running.delete(settled));
    this.#running.add(settled);
    return running;
  }

  /** Resolves when none is in work any more: one that was given up has ended its command by then. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }
}

async function answerOf(work: () => Promise<CallToolResult>): Promise<CallToolResult> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CodesetClientError)) throw error;
    return refused(error.reason === '' ? error.message : `${error.message} (${error.reason})`);
  }
}
