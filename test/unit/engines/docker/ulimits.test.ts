import { expect, test } from 'vitest';
import { ulimits } from '../../../../src/engines/docker/ulimits.js';

const LIMITS = `Limit                     Soft Limit           Hard Limit           Units
Max open files            1024                 4096                 files
Max core file size        0                    unlimited            bytes
Max locked memory         65536                65536                bytes
`;

test('limits are as wanted, or what the daemon’s own children may have where that is less', () => {
  expect(ulimits(LIMITS)).toEqual([
    { Name: 'nofile', Soft: 4096, Hard: 4096 },
    { Name: 'core', Soft: 0, Hard: 0 },
    { Name: 'memlock', Soft: 65_536, Hard: 65_536 },
    { Name: 'msgqueue', Soft: 819_200, Hard: 819_200 },
  ]);
});
