import type { Migrations } from '../migrate.js';
import { first } from './0001-first.js';
import { sampleNumbers } from './0002-sample-numbers.js';
import { snapshots } from './0003-snapshots.js';
import { grounds } from './0004-grounds.js';
import { validations } from './0005-validations.js';
import { verifying } from './0006-verifying.js';
import { provenance } from './0007-provenance.js';
import { keptVerifications } from './0008-kept-verifications.js';
import { audits } from './0009-audits.js';

/** All steps that this program knows. One that was released is never edited: the next one mends it. */
export const MIGRATIONS: Migrations = {
  '0001-first': first,
  '0002-sample-numbers': sampleNumbers,
  '0003-snapshots': snapshots,
  '0004-grounds': grounds,
  '0005-validations': validations,
  '0006-verifying': verifying,
  '0007-provenance': provenance,
  '0008-kept-verifications': keptVerifications,
  '0009-audits': audits,
};
