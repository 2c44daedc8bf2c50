import { expect, test } from 'vitest';
import {
  passwdEntries,
  withAgentGroup,
  withAgentUser,
} from '../../../../../src/engines/docker/images/passwd.js';

const AGENT = 'agent:x:1000:1000:agent:/home/agent:/bin/sh\n';

test('a file without the agent gets a line for it, whether or not it ends with one', () => {
  const root = 'root:x:0:0:root:/root:/bin/sh';
  expect(withAgentUser(`${root}\n`, '/bin/sh')).toBe(`${root}\n${AGENT}`);
  expect(withAgentUser(root, '/bin/sh')).toBe(`${root}\n${AGENT}`);
  expect(withAgentUser('', '/bin/sh')).toBe(AGENT);
});

test('who has uid 1000 already stays the first of it', () => {
  const node = 'node:x:1000:1000::/home/node:/bin/bash\n';
  expect(withAgentUser(node, '/bin/sh')).toBe(`${node}${AGENT}`);
});

test('an agent that is there stays; one with another id stands behind ours', () => {
  expect(withAgentUser('agent:x:1000:50::/srv:/bin/zsh\n', '/bin/sh')).toBeUndefined();
  const other = 'agent:x:1001:1001::/srv:/bin/zsh\n';
  expect(withAgentUser(other, '/bin/sh')).toBe(`${AGENT}${other}`);
});

test('gid 1000 gets a name where it has none', () => {
  expect(withAgentGroup('root:x:0:\n')).toBe('root:x:0:\nagent:x:1000:\n');
  expect(withAgentGroup('node:x:1000:\n')).toBeUndefined();
  expect(withAgentGroup('agent:x:5:\n')).toBeUndefined();
});

test('users are read from whatever the file has', () => {
  const text = '# comment\nroot:x:0:0:::\n\nbroken\n+nis::::::\nwww-data:x:33:33:::\n';
  expect(passwdEntries(text)).toEqual([
    { name: 'root', uid: 0, gid: 0 },
    { name: 'www-data', uid: 33, gid: 33 },
  ]);
});
