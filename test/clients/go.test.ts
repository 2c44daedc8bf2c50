import { describe } from 'vitest';
import { clientLacks } from '../support/client-toolchains.js';
import { itHasAFirstSession } from './first-session.js';

describe.skipIf(clientLacks('go') !== undefined)('the Go client (skipped without Go)', () => {
  itHasAFirstSession('go', ['./first-session']);
});
