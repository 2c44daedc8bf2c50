import { InvalidArgumentError, Option, type Command } from 'commander';
import { wireDuration, type WireDuration } from '../client/wire-duration.js';
import { parseDuration, parseSize } from '../samples/quantities.js';

export type { WireDuration } from '../client/wire-duration.js';

/** The options that every command which talks to a server has. */
export function withCommonOptions(command: Command): Command {
  return command
    .addOption(new Option('--address <HOST:PORT|unix:PATH>', 'the server (CODESET_ADDRESS)'))
    .addOption(new Option('--api-key <KEY>', 'the key that calls carry (CODESET_API_KEY)'))
    .addOption(
      new Option('--data-dir <DIR>', "the server's data folder, for its admin.key (CODESET_DATA_DIR)"),
    )
    .addOption(new Option('--json', 'print proto3 JSON on stdout'));
}

/** `K=V`, many times. */
export function pair(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Expected K=V.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** A word, many times. */
export function many(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

/** `90s`, `1h30m`; a plain number counts seconds. */
export function duration(text: string): WireDuration {
  return wireDuration(milliseconds(text));
}

/** As `duration`, in milliseconds. */
export function milliseconds(text: string): number {
  const ms = parseDuration(/^\d+(\.\d+)?$/.test(text) ? `${text}s` : text);
  if (ms === undefined) throw new InvalidArgumentError('Expected a duration such as 90s, 5m or 1h30m.');
  return ms;
}

/** For commands that stream an exec; in milliseconds. */
export function reconnectOption(): Option {
  return new Option('--reconnect <DURATION>', 'for how long a connection that broke is tried again')
    .argParser(milliseconds)
    .default(30_000, '30s');
}

/** `512MiB`. */
export function bytes(text: string): bigint {
  const size = parseSize(text);
  if (size === undefined) throw new InvalidArgumentError('Expected bytes such as 512MiB or 2GiB.');
  return BigInt(size);
}

export function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError('Expected a number above 0.');
  return value;
}

export function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Expected a whole number above 0.');
  return Number(text);
}

/** `[DATASET/]SAMPLE_ID[@VERSION]`. */
export function sampleRef(text: string): { sampleId: string; version?: number; dataset?: string } {
  const match = /^(?:([^/@]+)\/)?([^/@]+)(?:@([1-9]\d{0,8}))?$/.exec(text);
  if (match === null) throw new InvalidArgumentError('Expected [DATASET/]SAMPLE_ID[@VERSION].');
  const [, dataset, sampleId = '', version] = match;
  return {
    sampleId: sampleId.toLowerCase(),
    ...(version === undefined ? {} : { version: Number(version) }),
    ...(dataset === undefined ? {} : { dataset }),
  };
}

/** The text of a SampleRef that the service gave. */
export function refText(ref: { sampleId: string; version: number }): string {
  return `${ref.sampleId}@${ref.version}`;
}
