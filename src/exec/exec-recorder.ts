import type { ExecExit, TerminalSize } from '../core/exec.js';
import type { Journal } from './journal.js';
import type { OutputRecord } from './output-record.js';
import type { SandboxLink } from './sandbox-link.js';
import { OUTPUT_WINDOW } from './spawn-frame.js';

/** Output up to this size of both streams together goes into the journal instead of files. */
const INLINE_BYTES = 16 * 1024;
/** A command that runs longer than this gets its output written to files. */
const SHORT_MS = 50;

/** How an exec ended, and when; milliseconds. */
export interface EndedAt {
  readonly exit: ExecExit;
  readonly started: number | undefined;
  readonly ended: number;
  /** What a resize has made of its terminal. */
  readonly terminal: TerminalSize | undefined;
}

/**
 * Brings an exec's output and exit to where they outlive this process, and tells init after that, which then may
 * forget them.
 */
export class ExecRecorder {
  readonly #link: SandboxLink;
  readonly #journal: Journal;
  readonly #key: number;
  readonly #records: readonly [OutputRecord, OutputRecord];
  readonly #onSettled: () => void;
  readonly #acked: [number, number] = [0, 0];
  readonly #endAcked: [boolean, boolean] = [false, false];
  /** Whether the exit is in the journal: no, on its way, yes. */
  #journaled: 'no' | 'writing' | 'yes' = 'no';
  /** All output is where it stays. */
  #kept = false;

  /** @param onSettled called when all is recorded and init may forget the exec. */
  constructor(
    link: SandboxLink,
    journal: Journal,
    key: number,
    records: readonly [OutputRecord, OutputRecord],
    onSettled: () => void,
  ) {
    this.#onSettled = onSettled;
    this.#link = link;
    this.#journal = journal;
    this.#key = key;
    this.#records = records;
  }

  /** An earlier life of the service has recorded, and init knows, this much. */
  adopt(): void {
    this.#acked[0] = this.#records[0].recorded;
    this.#acked[1] = this.#records[1].recorded;
  }

  /** An earlier life of the service has recorded the exit. */
  restored(): void {
    this.#journaled = 'yes';
  }

  /** Init tells the end of a stream, perhaps again: it wants to hear that it is recorded. */
  endTold(stream: 0 | 1): void {
    this.#endAcked[stream] = false;
  }

  /**
   * Gives init room as far as the bytes are recorded.
   * @param taken how far the readers that may slow the command took the stream; undefined when there are none.
   */
  acknowledge(stream: 0 | 1, taken: number | undefined): void {
    const record = this.#records[stream];
    if (record.ended && record.recorded === record.end) {
      if (this.#endAcked[stream]) return;
      this.#endAcked[stream] = true;
      this.#acked[stream] = record.end;
      this.#link.ack(this.#key, stream, record.end, true);
      this.#forgetWhenDone();
      return;
    }
    const upto = record.ended ? record.recorded : Math.min(record.recorded, taken ?? Infinity);
    if (upto - this.#acked[stream] < OUTPUT_WINDOW / 4) return;
    this.#acked[stream] = upto;
    this.#link.ack(this.#key, stream, upto, false);
  }

  acknowledgeExit(): void {
    if (this.#journaled !== 'yes') return;
    this.#link.ackExit(this.#key);
    this.#forgetWhenDone();
  }

  /**
   * Writes what waits. True when there is more to do later.
   * @param ageMs since the command's start.
   * @param final the record is about to be closed.
   */
  async flush(end: EndedAt | undefined, ageMs: number, final: boolean): Promise<boolean> {
    const young = ageMs < SHORT_MS && !final;
    if (end === undefined) {
      if (young) return true;
      const more = await this.#flushRecords();
      for (const stream of [0, 1] as const)
        if (this.#records[stream].ended) this.acknowledge(stream, undefined);
      return more;
    }
    if (this.#journaled === 'writing') return false;
    const complete = this.#records[0].ended && this.#records[1].ended;
    // The ends of the streams come right behind the exit, unless something lives on and holds them.
    if (this.#journaled === 'no' && !complete && young && end.exit.reason !== 'LOST') return true;
    const inline = complete ? await this.#inline() : undefined;
    if (inline === undefined && (await this.#flushRecords())) return true;
    if (this.#journaled === 'no' || inline !== undefined) this.#write(end, inline, complete);
    else this.#afterExit(complete);
    return false;
  }

  /** Of an exec whose output was complete only later a second time, with its output. */
  #write(end: EndedAt, inline: readonly [Buffer, Buffer] | undefined, complete: boolean): void {
    this.#journaled = 'writing';
    const [stdout, stderr] = this.#records;
    this.#journal.append(
      {
        t: 'exit',
        key: this.#key,
        exit: end.exit,
        started: end.started ?? 0,
        ended: end.ended,
        totals: [stdout.end, stderr.end],
        ...(end.terminal === undefined ? {} : { terminal: end.terminal }),
        ...(inline === undefined
          ? {}
          : { output: [inline[0].toString('base64'), inline[1].toString('base64')] as const }),
      },
      () => {
        this.#journaled = 'yes';
        if (inline !== undefined) for (const record of this.#records) record.recordedElsewhere();
        this.#afterExit(complete);
      },
    );
  }

  /** @param complete whether all that will ever come is where it stays. */
  #afterExit(complete: boolean): void {
    this.#kept ||= complete;
    this.acknowledge(0, undefined);
    this.acknowledge(1, undefined);
    this.acknowledgeExit();
    if (complete) for (const record of this.#records) void record.release();
  }

  async #flushRecords(): Promise<boolean> {
    const [stdout, stderr] = this.#records;
    await Promise.all([stdout.flush(), stderr.flush()]);
    return stdout.recorded < stdout.end || stderr.recorded < stderr.end;
  }

  /** Output that is short enough for the journal; none that is there already or need not be. */
  async #inline(): Promise<readonly [Buffer, Buffer] | undefined> {
    const [stdout, stderr] = this.#records;
    const bytes = stdout.end + stderr.end;
    if (bytes > INLINE_BYTES || (bytes === 0 && this.#journaled === 'yes')) return undefined;
    await Promise.all([stdout.written(), stderr.written()]);
    const both = [stdout.whole(), stderr.whole()] as const;
    return both[0] === undefined || both[1] === undefined ? undefined : [both[0], both[1]];
  }

  /** Init forgets the exec by the same rule; should it not have got the last word, it asks on the next link. */
  #forgetWhenDone(): void {
    if (!this.#kept || this.#journaled !== 'yes' || !this.#endAcked[0] || !this.#endAcked[1]) return;
    this.#link.unregister(this.#key);
    this.#onSettled();
  }
}
