import { expect, test } from 'vitest';
import { localAddresses } from '../../../../src/engines/docker/daemon-addresses.js';

function told(table: string): string {
  return `${Buffer.byteLength(table)}\r\n${table.replaceAll('\n', '\r\n')}`;
}

const TABLE = `Local:
  +-- 0.0.0.0/0 3 0 5
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.0
           /8 host LOCAL
        |-- 127.0.0.1
           /32 host LOCAL
     |-- 192.168.7.2
        /32 host LOCAL
     |-- 198.51.100.0
        /24 link UNICAST
     |-- 198.51.100.7
        /32 host LOCAL
     |-- 198.51.100.255
        /32 link BROADCAST
     |-- 203.0.113.0
        /28 host LOCAL
`;

test("a machine's own addresses are read from its routes, without those that are closed anyway", () => {
  expect(localAddresses(told(TABLE))).toEqual(['198.51.100.7', '203.0.113.0/28']);
});

test('what is not all of the routes is refused', () => {
  for (const text of ['-\r\n', '', told(TABLE).slice(0, -20), told('Local:\n')])
    expect(() => localAddresses(text)).toThrow("of Docker's machine");
});
