import type { Verification } from './verification.js';

/**
 * What a verification that runs here and now tells of where it ran.
 * @param runtime what is told where the engine does not say: '' unless something is known from before
 */
export type Provenance = (
  engine: string,
  runtime?: string,
) => Pick<Verification, 'runtime' | 'serviceVersion'>;
