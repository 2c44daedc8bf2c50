import { Command, Option } from 'commander';
import type { Sample } from '../../client/types.js';
import { sampleState } from '../../client/words.js';
import { auditedText, validatedText } from '../validation.js';
import type { Cli } from '../context.js';
import { many, wholeNumber, withCommonOptions } from '../options.js';

interface ListOptions {
  readonly dataset?: string;
  readonly search?: string;
  readonly tag?: string[];
  readonly language?: string;
  readonly limit?: number;
}

export function sampleListCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('list'))
    .description('list the latest version of each sample')
    .option('--dataset <NAME>', 'only of this dataset')
    .option('--search <TEXT>', 'only with this text in id, description or task')
    .addOption(new Option('--tag <TAG>', 'only with this tag; may be repeated').argParser(many))
    .option('--language <NAME>', 'only of this language')
    .option('--limit <N>', 'at most so many', wholeNumber);
  return command.action((options: ListOptions) =>
    cli.run(command, async (context) => {
      const { samples } = await context.connect();
      const limit = options.limit ?? Number.POSITIVE_INFINITY;
      const found: Sample[] = [];
      let pageToken = '';
      let totalSize = 0;
      do {
        const page = await samples.listSamples({
          dataset: options.dataset ?? '',
          search: options.search ?? '',
          tags: options.tag ?? [],
          language: options.language ?? '',
          pageSize: Math.min(200, limit - found.length),
          pageToken,
        });
        found.push(...page.samples);
        ({ nextPageToken: pageToken, totalSize } = page);
      } while (pageToken !== '' && found.length < limit);
      const { out } = context;
      if (out.json)
        return out.message('ListSamplesResponse', { samples: found, nextPageToken: pageToken, totalSize });
      if (found.length === 0)
        return out.note('There are no samples; `codeset sample add DIR` registers one.');
      out.table([
        ['SAMPLE', 'VERSION', 'DATASET', 'STATE', 'VALIDATED', 'AUDITED', 'LANGUAGE', 'DESCRIPTION'],
        ...found.map((sample) => [
          sample.sampleId,
          String(sample.version),
          sample.dataset,
          sampleState(sample.state),
          validatedText(sample),
          auditedText(sample),
          sample.language,
          sample.description,
        ]),
      ]);
      if (found.length < totalSize) out.note(`${found.length} of ${totalSize}`);
    }),
  );
}
