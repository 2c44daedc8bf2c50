import { expect, test } from 'vitest';
import { type FitnessWords, unfit } from '../../../../src/engines/docker/unfit-daemon.js';

const rootless: FitnessWords = {
  system: 'linux',
  components: ['Engine', 'containerd', 'runc'],
  rootless: true,
  cgroupDriver: 'systemd',
  kernel: '6.1.0-18-amd64',
};
const why = (changes: Partial<FitnessWords>): string | undefined =>
  unfit({ ...rootless, ...changes }, 'unix:///d');

test('a rootless Docker can be used with control groups, on a kernel that lets users mount overlays', () => {
  expect(why({})).toBeUndefined();
  for (const kernel of ['5.11.0', '5.15.0-91-generic', '10.0', 'unknown'])
    expect(why({ kernel })).toBeUndefined();
  for (const kernel of ['5.10.0-28', '4.18.0']) expect(why({ kernel })).toMatch(/Linux 5\.11 or newer/);
  expect(why({ cgroupDriver: 'none' })).toMatch(/cgroup v2/);
});

test('a Docker of root’s may have an older kernel', () => {
  expect(why({ rootless: false, kernel: '4.18.0' })).toBeUndefined();
});

test('Podman, and containers of another system, are refused with what to use', () => {
  expect(why({ components: ['Podman Engine', 'Conmon'] })).toMatch(/Podman.*use Docker Engine/);
  expect(why({ system: 'windows' })).toMatch(/switch it to Linux/);
});
