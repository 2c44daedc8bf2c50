import { describe } from 'vitest';
import { clientLacks } from '../support/client-toolchains.js';
import { itHasAFirstSession } from './first-session.js';

describe.skipIf(clientLacks('java') !== undefined)('the Java client (skipped without Maven)', () => {
  itHasAFirstSession('java', ['java', '-jar', 'target/first-session.jar']);
});
