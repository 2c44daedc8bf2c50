/** Names a sample: `[DATASET/]SAMPLE_ID[@VERSION]`, or its parts. Without a version it is the latest. */
export type SampleName =
  | string
  | {
      readonly sampleId: string;
      /** From 1. */
      readonly version?: number | undefined;
      readonly dataset?: string | undefined;
    };

export interface WireSampleRef {
  readonly sampleId: string;
  readonly version: number;
  readonly dataset: string;
}

/** @throws TypeError for a text that names none */
export function sampleRef(name: SampleName): WireSampleRef {
  if (typeof name !== 'string')
    return { sampleId: name.sampleId, version: name.version ?? 0, dataset: name.dataset ?? '' };
  const match = /^(?:([^/@]+)\/)?([^/@]+)(?:@([1-9]\d{0,8}))?$/.exec(name);
  if (match === null) throw new TypeError(`"${name}" names no sample: write [DATASET/]SAMPLE_ID[@VERSION].`);
  const [, dataset = '', sampleId = '', version = '0'] = match;
  return { sampleId: sampleId.toLowerCase(), version: Number(version), dataset };
}
