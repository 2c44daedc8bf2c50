import type { CreateSessionRequest, DeepPartial } from '../../gen/codeset/v1/session_service.js';
import type { CallControl } from './deadline.js';
import { newId } from './new-id.js';
import { sampleRef, type SampleName } from './sample-name.js';
import type { Limits, Network } from './session-info.js';
import { durationField } from './wire-duration.js';
import { FEEDBACKS, NETWORK_MODES, numberOf } from './words.js';

/** A sandbox without a sample: an empty workspace on the host's toolchain or on an image. */
export interface EnvironmentOptions {
  /** The host's own toolchain, seen read-only; `requires` names programs that must be there. */
  readonly host?: boolean | { readonly requires?: readonly string[] | undefined } | undefined;
  /** A container image, for engines that have images. */
  readonly image?: string | undefined;
  /** Shell lines that run once as the sandbox's root and are kept as a layer that equal environments share. */
  readonly setup?: readonly string[] | undefined;
  /** The network of set-up. Default: the session's. */
  readonly setupNetwork?: Network | undefined;
  /** Default `/workspace`. */
  readonly workdir?: string | undefined;
  /** `agent`, `root` or a name the image has. Default `agent`. */
  readonly user?: string | undefined;
}

/** What a session is made from, and how. Name a `sample`, an `environment` or a `snapshot`. */
export interface CreateSessionOptions extends CallControl {
  /** `[DATASET/]SAMPLE_ID[@VERSION]`. */
  readonly sample?: SampleName | undefined;
  readonly environment?: EnvironmentOptions | undefined;
  /** A snapshot's id: its files, over the sample or environment that it was taken of. */
  readonly snapshot?: string | undefined;
  /** Variables for every command. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Variables that nobody can read back: they are in no record, log or verification. */
  readonly secretEnv?: Readonly<Record<string, string>> | undefined;
  /** To find it by. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** How long it lives, in milliseconds; at least 1000, at most 7 days. Default 30 minutes. */
  readonly ttlMs?: number | undefined;
  /** How long it may be idle before it expires, in milliseconds. Default: no limit. */
  readonly idleTimeoutMs?: number | undefined;
  /** Each at most the sample's. Default: the sample's. */
  readonly limits?: Partial<Limits> | undefined;
  /** Default: the environment's own, which it can't exceed. */
  readonly network?: Network | undefined;
  /**
   * Lets the session's agent start, watch and read verifications of it with its token, and says what it is shown of
   * them at most. Default: it may not.
   */
  readonly agentMayVerify?: { readonly feedback: keyof typeof FEEDBACKS } | undefined;
  /** What who has no admin's key is shown of its verifications at most. Default: as the sample says. */
  readonly feedback?: keyof typeof FEEDBACKS | undefined;
  /** How many verifications it may have, itself, its snapshots and what it began as. Default: as the sample says. */
  readonly maxVerifications?: number | undefined;
  /** The same id again gives the same session. Default: a new one. */
  readonly requestId?: string | undefined;
  /** Whether to wait until it is READY. Default true; `false` gives it while it is CREATING. */
  readonly wait?: boolean | undefined;
}

/** @throws TypeError when it says from what in no way or in several */
export function createSessionRequest(options: CreateSessionOptions): DeepPartial<CreateSessionRequest> {
  const { limits = {}, network, agentMayVerify, feedback, wait = true } = options;
  return {
    requestId: options.requestId ?? newId('req'),
    source: sourceOf(options),
    labels: { ...options.labels },
    env: { ...options.env },
    secretEnv: { ...options.secretEnv },
    ...durationField('ttl', options.ttlMs),
    ...durationField('idleTimeout', options.idleTimeoutMs),
    resources: {
      cpus: limits.cpus ?? 0,
      memoryBytes: BigInt(limits.memoryBytes ?? 0),
      processes: limits.processes ?? 0,
      diskBytes: BigInt(limits.diskBytes ?? 0),
    },
    ...(network === undefined ? {} : { network: numberOf(NETWORK_MODES, network, 'network') }),
    ...(agentMayVerify === undefined
      ? {}
      : {
          agentMayVerify: true,
          agentFeedback: numberOf(FEEDBACKS, agentMayVerify.feedback, 'agent_feedback'),
        }),
    ...(feedback === undefined ? {} : { feedback: numberOf(FEEDBACKS, feedback, 'feedback') }),
    maxVerifications: options.maxVerifications ?? 0,
    returnImmediately: !wait,
  };
}

type Source = NonNullable<DeepPartial<CreateSessionRequest>['source']>;

function sourceOf({ sample, environment, snapshot, network }: CreateSessionOptions): Source {
  if ([sample, environment, snapshot].filter((source) => source !== undefined).length !== 1)
    throw new TypeError('Name what the session is made from: one of `sample`, `environment` and `snapshot`.');
  if (snapshot !== undefined) return { $case: 'snapshotId', value: snapshot };
  if (sample !== undefined) return { $case: 'sample', value: sampleRef(sample) };
  const { host, image, setup, setupNetwork, workdir, user } = environment ?? {};
  const requires = typeof host === 'object' ? [...(host.requires ?? [])] : [];
  return {
    $case: 'environment',
    value: {
      ...(host === undefined || host === false ? {} : { host: { requires } }),
      image: image ?? '',
      setup: [...(setup ?? [])],
      ...(setupNetwork === undefined
        ? {}
        : { setupNetwork: numberOf(NETWORK_MODES, setupNetwork, 'environment.setup_network') }),
      ...(network === undefined ? {} : { network: numberOf(NETWORK_MODES, network, 'environment.network') }),
      workdir: workdir ?? '',
      user: user ?? '',
    },
  };
}
