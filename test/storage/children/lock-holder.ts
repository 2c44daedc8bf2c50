import { writeSync } from 'node:fs';
import { acquireServiceLock } from '../../../src/storage/service-lock.js';

// Takes the lock of a data folder and keeps it until killed.

acquireServiceLock(process.argv[2] ?? '');
writeSync(1, 'held\n');
setInterval(() => undefined, 60_000);
