import { describe, expect, test } from 'vitest';
import { pullFailure } from '../../../../../src/engines/docker/images/pull-failure.js';
import { parseReference } from '../../../../../src/engines/docker/images/reference.js';

const HUB = parseReference('me/app:1');
const OTHER = parseReference('ghcr.io/me/app:1');

// What Docker 20 to 28 said, of pulls that were made to fail.
describe('a refusal is not tried again:', () => {
  test.each([
    ['manifest for me/app:1 not found: manifest unknown: manifest unknown', 'There is no image me/app:1'],
    [
      "pull access denied for me/app, repository does not exist or may require 'docker login'",
      '`docker login`',
    ],
    ['unauthorized: authentication required', '`docker login`'],
    // A registry's code alone, as Docker passes it on from some.
    ['(HTTP code 500) server error - denied ', '`docker login`'],
    ['Head "https://r/v2/": no basic auth credentials', '`docker login`'],
    ['no matching manifest for linux/arm64/v8 in the manifest list entries', 'for its architecture'],
    ['Get "https://r/v2/": x509: certificate signed by unknown authority', 'does not trust'],
    ['http: server gave HTTP response to HTTPS client', 'does not trust'],
  ])('%s', (said, sentence) => {
    const { error, passes } = pullFailure(HUB, said);
    expect(passes).toBe(false);
    expect(error).toMatchObject({ reason: 'ENVIRONMENT_UNMET', metadata: { image: 'me/app:1' } });
    expect(error.message).toContain(sentence);
  });
});

describe('what may pass is tried again:', () => {
  test.each([
    'Get "https://r/v2/": net/http: TLS handshake timeout',
    'dial tcp: lookup r on 1.1.1.1:53: no such host',
    'received unexpected HTTP status: 503 Service Unavailable',
    'unexpected EOF',
    'read tcp 10.0.0.1:1->10.0.0.2:443: read: connection reset by peer',
    'context deadline exceeded',
    'something nobody has seen before',
  ])('%s', (said) => {
    const { error, passes } = pullFailure(OTHER, said);
    expect(passes).toBe(true);
    expect(error).toMatchObject({ kind: 'unavailable', reason: 'ENGINE_FAILED', retryAfterMs: 60_000 });
    expect(error.message).toContain('ghcr.io');
    expect(error.message).toContain(said);
  });

  test('too many pulls, much later', () => {
    const { error, passes } = pullFailure(HUB, 'toomanyrequests: You have reached your pull rate limit.');
    expect(passes).toBe(true);
    expect(error.retryAfterMs).toBe(600_000);
    expect(error.message).toContain('Docker Hub allows no more pulls for now');
  });
});

test('a full disk is told as such', () => {
  const { error, passes } = pullFailure(HUB, 'failed to register layer: write /x: no space left on device');
  expect(error.reason).toBe('DISK_FULL');
  expect(passes).toBe(false);
});

test("where to log in is the image's own registry", () => {
  expect(pullFailure(OTHER, 'denied: unauthorized').error.message).toContain('`docker login ghcr.io`');
});
