import { SampleServiceDefinition } from '../../gen/codeset/v1/sample_service.js';
import { SampleView, ValidationSubject, type Sample } from '../../gen/codeset/v1/sample.js';
import type { SampleFilter } from '../core/ports/storage.js';
import type { SampleVersion } from '../core/sample.js';
import { mustBeAdmin, type Caller } from './call-context.js';
import { Checker } from './checker.js';
import { auditEventToProto } from './convert/audit-event.js';
import { prefetchToProto } from './convert/prefetch.js';
import {
  datasetToProto,
  sampleNameFromProto,
  sampleToProto,
  stageToProto,
  withoutVerdicts,
} from './convert/sample.js';
import { validationEventToProto } from './convert/validation-event.js';
import { validationSubjects } from './convert/validation.js';
import { decodePageToken, encodePageToken } from './page-token.js';
import type { Service } from './service-types.js';
import { inPieces, openUpload } from './upload.js';
import type { SampleName } from '../core/sample-catalog.js';
import type { PrefetchRequest } from '../core/sample-prefetch.js';
import type { AuditRequest } from '../core/audit.js';
import type { ValidationRequest } from '../core/validation-run.js';
import type { SampleUseCases } from './use-cases.js';

const SHA256 = /^[0-9a-f]{64}$/;
const COMMIT = /^([0-9a-f]{40}|[0-9a-f]{64})$/;
const MAX_REPOSITORY_BYTES = 8 * 1024 ** 3;
const DEFAULT_VALIDATION_RUNS = 5;
const DEFAULT_AUDIT_CONCURRENCY = 2;
const MAX_NAMED_CHEATS = 200;
const MAX_VALIDATION_RUNS = 100;
/** The service's own limit cuts it. */
const MAX_INT32 = 2 ** 31 - 1;

type SampleService = Service<typeof SampleServiceDefinition>;

export function sampleService(samples: SampleUseCases): SampleService {
  async function isLatest(sample: SampleVersion): Promise<boolean> {
    return (await samples.get({ sampleId: sample.sampleId })).version === sample.version;
  }

  function named(ref: Parameters<typeof sampleNameFromProto>[2]): SampleName {
    const check = new Checker();
    const name = sampleNameFromProto(check, 'sample', ref);
    check.done();
    return name;
  }

  return {
    async listDatasets(request) {
      const check = new Checker();
      const size = check.pageSize(request.pageSize);
      check.done();
      const after = decodePageToken('datasets', null, request.pageToken);
      const all = [...(await samples.datasets())].sort((a, b) => (a.name < b.name ? -1 : 1));
      const rest = after === undefined ? all : all.filter(({ name }) => name > after);
      const page = rest.slice(0, size);
      return {
        datasets: page.map(datasetToProto),
        nextPageToken: encodePageToken('datasets', null, rest.length > size ? page.at(-1)?.name : undefined),
      };
    },

    async listSamples(request, context) {
      const check = new Checker();
      const filter: SampleFilter = {
        ...(request.dataset === '' ? {} : { dataset: check.text('dataset', request.dataset, { max: 128 }) }),
        ...(request.search === '' ? {} : { search: check.text('search', request.search, { max: 256 }) }),
        ...(request.language === ''
          ? {}
          : { language: check.text('language', request.language, { max: 64 }).toLowerCase() }),
        ...(request.tags.length === 0
          ? {}
          : { tags: check.list('tags', request.tags, { maxItems: 16, max: 64 }) }),
      };
      const size = check.pageSize(request.pageSize);
      check.done();
      const after = decodePageToken('samples', filter, request.pageToken);
      const [page, totalSize] = await Promise.all([
        samples.list(filter, { size, after }),
        samples.count(filter),
      ]);
      return {
        samples: page.items.map((sample) => told(context, sampleToProto(sample, true, 'summary'))),
        nextPageToken: encodePageToken('samples', filter, page.next),
        totalSize,
      };
    },

    async getSample(request, context) {
      const check = new Checker();
      const name = sampleNameFromProto(check, 'sample', request.sample);
      if (request.view < 0 || request.view > SampleView.FULL) {
        check.fail('view', 'is not a view that this service knows');
      }
      check.done();
      const full = request.view === SampleView.FULL;
      if (full) mustBeAdmin(context, "see a sample's hidden parts");
      const sample = await samples.get(name);
      const shown = sampleToProto(sample, await isLatest(sample), full ? 'full' : 'basic');
      return { sample: told(context, shown) };
    },

    async uploadRepository(requests, context) {
      const upload = await openUpload(requests, context.signal);
      const check = new Checker();
      const sha256 = check.text('header.sha256', upload.header.sha256, {
        required: true,
        max: 64,
        pattern: SHA256,
        expected: '64 lower-case hexadecimal digits',
      });
      const bytes = check.offset('header.size_bytes', upload.header.sizeBytes, MAX_REPOSITORY_BYTES);
      if (bytes === 0) check.fail('header.size_bytes', 'is required');
      check.done();
      const present = await samples.repositoryBytes(sha256);
      if (present === undefined) await samples.addRepository({ sha256, bytes }, upload.content);
      return { sha256, sizeBytes: BigInt(present ?? bytes), alreadyPresent: present !== undefined };
    },

    async registerSample(requests, context) {
      const upload = await openUpload(requests, context.signal);
      const { header } = upload;
      const check = new Checker();
      const requestId = check.requestId('header.request_id', header.requestId);
      if (header.codebase !== undefined) {
        const rule = { required: true, max: 64 };
        check.text('header.codebase.sha256', header.codebase.sha256, {
          ...rule,
          pattern: SHA256,
          expected: '64 lower-case hexadecimal digits',
        });
        check.text('header.codebase.commit', header.codebase.commit, {
          ...rule,
          pattern: COMMIT,
          expected: 'the full id of a commit, 40 or 64 lower-case hexadecimal digits',
        });
      }
      check.done();
      const { sample, created } = await samples.register(
        { requestId, repository: header.codebase },
        upload.content,
      );
      return { sample: sampleToProto(sample, await isLatest(sample), 'basic'), created };
    },

    async *watchSample(request, context) {
      for await (const event of samples.watch(named(request.sample), context.signal)) {
        yield event.type === 'sample'
          ? {
              event: {
                $case: 'sample',
                value: told(context, sampleToProto(event.sample, await isLatest(event.sample), 'basic')),
              },
            }
          : { event: { $case: 'stage', value: stageToProto(event.stage) } };
      }
    },

    async *downloadSample(request) {
      yield* inPieces(await samples.download(named(request.sample)));
    },

    async *prefetchSamples(request, context) {
      const check = new Checker();
      if (request.samples.length > 1000) {
        check.fail('samples', `has ${request.samples.length} items, 1000 are allowed`);
      }
      if (request.dataset !== '' && request.samples.length > 0) {
        check.fail('dataset', 'is left empty when samples are named');
      }
      const maxBytes = check.offset('max_bytes', request.maxBytes);
      const asked: PrefetchRequest = {
        dataset: request.dataset === '' ? undefined : check.text('dataset', request.dataset, { max: 128 }),
        samples: request.samples
          .slice(0, 1000)
          .map((ref, index) => sampleNameFromProto(check, `samples[${index}]`, ref)),
        maxBytes: maxBytes === 0 ? undefined : maxBytes,
      };
      check.done();
      for await (const event of samples.prefetch(asked, context.signal)) yield prefetchToProto(event);
    },

    async *validateSample(request, context) {
      const check = new Checker();
      const asked: ValidationRequest = {
        sample: sampleNameFromProto(check, 'sample', request.sample),
        runs: check.count('runs', request.runs, MAX_VALIDATION_RUNS) || DEFAULT_VALIDATION_RUNS,
        concurrency: check.count('concurrency', request.concurrency, MAX_INT32) || 1,
        only: validationSubjects.fromProto(request.subject),
      };
      if (request.subject !== ValidationSubject.UNSPECIFIED && asked.only === undefined)
        check.fail('subject', 'is not a subject that this service knows');
      check.done();
      for await (const event of samples.validate(asked, context.signal)) yield validationEventToProto(event);
    },

    async *auditSample(request, context) {
      const check = new Checker();
      if (request.cheats.length > MAX_NAMED_CHEATS)
        check.fail('cheats', `names ${request.cheats.length} cheats, ${MAX_NAMED_CHEATS} are allowed`);
      const asked: AuditRequest = {
        sample: sampleNameFromProto(check, 'sample', request.sample),
        cheats: request.cheats.map((cheat, at) =>
          check.text(`cheats[${at}]`, cheat, { required: true, max: 128 }),
        ),
        skipCheats: request.skipCheats,
        concurrency: check.count('concurrency', request.concurrency, MAX_INT32) || DEFAULT_AUDIT_CONCURRENCY,
      };
      check.done();
      for await (const event of samples.audit(asked, context.signal)) yield auditEventToProto(event);
    },

    async deleteSample(request) {
      await samples.remove(named(request.sample));
      return {};
    },
  };
}

function told({ principal }: Caller, sample: Sample): Sample {
  return principal.role === 'ADMIN' ? sample : withoutVerdicts(sample);
}
