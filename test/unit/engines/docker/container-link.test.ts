import { describe, expect, test } from 'vitest';
import { linkLabels, linkOf } from '../../../../src/engines/docker/container-link.js';
import { Names } from '../../../../src/engines/docker/names.js';

const names = new Names('0123456789ab', '/run/codeset');
const INIT = '/run/codeset/init';
const settings = { initArguments: [], env: [], mounts: [], tmpfs: {}, openStdin: false };

describe('how a container is reached', () => {
  test('is what its labels say, whatever it runs', () => {
    for (const mode of ['socket', 'attach', 'exec'] as const)
      expect(linkOf(names, 'a', linkLabels(mode, settings), '/bin/sh').mode).toBe(mode);
  });

  test('is told by its command where it is from before the labels', () => {
    const modeOf = (command: string): string => linkOf(names, 'a', {}, command).mode;
    expect(modeOf(`${INIT} --listen /run/codeset-link/d/init.sock`)).toBe('socket');
    expect(modeOf(`${INIT} network --deny 10.0.0.0/8 -- ${INIT} --attach`)).toBe('attach');
    expect(modeOf('/bin/sh -c trap "exit 0" TERM; while :; do sleep 3600 & wait; done')).toBe('exec');
  });

  test('is at the folder that it was made with, and at no other that a label names', () => {
    const folderOf = (socketFolder: string): string | undefined =>
      linkOf(names, 'a', linkLabels('socket', { ...settings, socketFolder }), INIT).socketFolder;
    expect(folderOf('/tmp/before/0123456789ab-docker/a')).toBe('/tmp/before/0123456789ab-docker/a');
    for (const folder of ['', '/', '/etc', '/tmp/0123456789ab-docker/b', '/x/../0123456789ab-docker/a'])
      expect(folderOf(folder), folder).toBeUndefined();
  });
});
