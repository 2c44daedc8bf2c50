import { describe } from 'vitest';
import { clientLacks } from '../support/client-toolchains.js';
import { itHasAFirstSession } from './first-session.js';

describe.skipIf(clientLacks('cpp') !== undefined)('the C++ client (skipped without gRPC for C++)', () => {
  itHasAFirstSession('cpp', ['build/first-session']);
});
