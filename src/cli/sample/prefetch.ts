import { Command } from 'commander';
import { prefetchOutcome } from '../../client/words.js';
import type { Cli } from '../context.js';
import { DONE, NEGATIVE } from '../exit-status.js';
import { bytes, sampleRef, withCommonOptions } from '../options.js';
import { Progress } from '../live/progress.js';
import { printable } from '../output.js';

interface PrefetchOptions {
  readonly dataset?: string;
  readonly maxBytes?: bigint;
}

export function samplePrefetchCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('prefetch'))
    .description("bring the images that samples stand on, as far as the server's image_disk allows")
    .argument('[ID...]', '[DATASET/]SAMPLE_ID[@VERSION]; none: all')
    .option('--dataset <NAME>', 'only of this dataset')
    .option('--max-bytes <SIZE>', 'begin no more when images take so much: 20GiB', bytes);
  return command.action((ids: string[], options: PrefetchOptions) =>
    cli.run(command, async (context) => {
      const { samples } = await context.connect();
      const { out } = context;
      const counts = new Map<string, number>();
      using progress = new Progress(context);
      for await (const response of samples.prefetchSamples({
        dataset: options.dataset ?? '',
        samples: ids.map((id) => sampleRef(id)),
        maxBytes: options.maxBytes ?? 0n,
      })) {
        const { sample, event } = response;
        if (out.json) await out.message('PrefetchSamplesResponse', response, false);
        const name = `${sample?.sampleId}@${sample?.version}`;
        if (event?.$case === 'stage') progress.stage(name, event.value);
        if (event?.$case !== 'result') continue;
        const outcome = prefetchOutcome(event.value.outcome);
        counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
        progress.end(name);
        if (!out.json) out.line(`${name}  ${outcome}  ${printable(event.value.message)}`);
      }
      const count = (outcome: string): number => counts.get(outcome) ?? 0;
      if (!out.json) {
        out.note(
          `${count('READY')} there, ${count('NOT_NEEDED')} need none, ${count('SKIPPED')} skipped, ${count('FAILED')} failed`,
        );
      }
      return count('FAILED') + count('SKIPPED') === 0 ? DONE : NEGATIVE;
    }),
  );
}
