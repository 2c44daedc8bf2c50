import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** One line of what the daemon tells while it pulls, builds, imports or loads. */
export interface DaemonEvent {
  /** A layer's short id, in a pull. */
  readonly id?: string;
  readonly status?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  /** A build's output. */
  readonly stream?: string;
  readonly aux?: { readonly ID?: string };
  readonly error?: string;
  readonly errorDetail?: { readonly message?: string };
}

const MAX_LINE = 1024 * 1024;

/** The events of a daemon's answer, one after another. What is no JSON comes as a line of output. */
export async function* daemonEvents(source: Readable): AsyncGenerator<DaemonEvent, void, undefined> {
  const decoder = new StringDecoder('utf8');
  let partial = '';
  for await (const chunk of source) {
    const lines = (partial + decoder.write(chunk as Buffer)).split('\n');
    partial = (lines.pop() ?? '').slice(0, MAX_LINE);
    for (const line of lines) if (line.trim() !== '') yield eventOf(line);
  }
  if (partial.trim() !== '') yield eventOf(partial);
}

function eventOf(line: string): DaemonEvent {
  try {
    const event = JSON.parse(line) as unknown;
    if (typeof event === 'object' && event !== null) return event;
  } catch {
    // a proxy's words, perhaps
  }
  return { stream: `${line}\n` };
}

/** What went wrong as an event tells it; undefined when nothing did. */
export function failureIn(event: DaemonEvent): string | undefined {
  return event.errorDetail?.message ?? event.error;
}
