import { expect, test } from 'vitest';
import { PullProgress } from '../../../../../src/engines/docker/images/pull-progress.js';

test('bytes are summed over the layers, and never go back', () => {
  const told: { message: string; bytes: unknown }[] = [];
  const progress = new PullProgress('app:1', (message, bytes) => told.push({ message, bytes }));
  progress.take({ status: 'Pulling from app', id: '1' });
  progress.take({ status: 'Downloading', id: 'a', progressDetail: { current: 10, total: 100 } });
  progress.take({ status: 'Downloading', id: 'b', progressDetail: { current: 20, total: 1000 } });
  expect(progress.bytes).toEqual({ done: 30, total: 1100 });
  // A retry of Docker's own begins the layer anew.
  progress.take({ status: 'Downloading', id: 'a', progressDetail: { current: 5, total: 100 } });
  expect(progress.bytes).toEqual({ done: 30, total: 1100 });
  progress.take({ status: 'Download complete', id: 'a' });
  progress.take({ status: 'Extracting', id: 'c', progressDetail: { current: 1, total: 50 } });
  expect(progress.bytes).toEqual({ done: 170, total: 1150 });
  progress.take({ status: 'Pull complete', id: 'b' });
  progress.end();
  expect(progress.bytes).toEqual({ done: 1150, total: 1150 });
  expect(told.at(-1)).toEqual({
    message: 'Pulled the image app:1.',
    bytes: { done: 1150, total: 1150 },
  });
});
