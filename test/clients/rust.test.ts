import { describe } from 'vitest';
import { clientLacks } from '../support/client-toolchains.js';
import { itHasAFirstSession } from './first-session.js';

describe.skipIf(clientLacks('rust') !== undefined)('the Rust client (skipped without cargo)', () => {
  itHasAFirstSession('rust', ['target/debug/first-session']);
});
