import type { StageEvent } from '../client/types.js';
import { stage } from '../client/words.js';
import { printable } from './output.js';

/** One thing that happened on the way to a READY sample or session, as a line for people. */
export function stageLine(event: StageEvent): string {
  const bytes = event.doneBytes === undefined ? '' : ` (${event.doneBytes} bytes)`;
  return `${stage(event.stage).toLowerCase()}: ${printable(event.message)}${bytes}`;
}
