import { describe, expect, test } from 'vitest';
import {
  canonicalName,
  familiarName,
  familiarRepository,
  isImageId,
  parseReference,
} from '../../../../../src/engines/docker/images/reference.js';

const DIGEST = `sha256:${'0a'.repeat(32)}`;

describe('an image is named as Docker reads it:', () => {
  test.each([
    ['python', 'docker.io/library/python:latest', 'python:latest'],
    ['python:3.12', 'docker.io/library/python:3.12', 'python:3.12'],
    ['me/app', 'docker.io/me/app:latest', 'me/app:latest'],
    ['docker.io/python:3', 'docker.io/library/python:3', 'python:3'],
    ['index.docker.io/me/app:3', 'docker.io/me/app:3', 'me/app:3'],
    ['ghcr.io/me/app:1.0', 'ghcr.io/me/app:1.0', 'ghcr.io/me/app:1.0'],
    ['localhost/app', 'localhost/app:latest', 'localhost/app:latest'],
    ['localhost:5000/app', 'localhost:5000/app:latest', 'localhost:5000/app:latest'],
    ['127.0.0.1:5000/a/b/c:x', '127.0.0.1:5000/a/b/c:x', '127.0.0.1:5000/a/b/c:x'],
    ['[::1]:5000/app', '[::1]:5000/app:latest', '[::1]:5000/app:latest'],
    [`python@${DIGEST}`, `docker.io/library/python@${DIGEST}`, `python@${DIGEST}`],
    [`python:3@${DIGEST}`, `docker.io/library/python:3@${DIGEST}`, `python:3@${DIGEST}`],
    ['a__b--c/e:V_1.2-x', 'docker.io/a__b--c/e:V_1.2-x', 'a__b--c/e:V_1.2-x'],
  ])('%s', (text, canonical, familiar) => {
    const found = parseReference(text);
    expect(canonicalName(found)).toBe(canonical);
    expect(familiarName(found)).toBe(familiar);
  });
});

test('a repository stands in RepoDigests as people write it', () => {
  expect(familiarRepository(parseReference('docker.io/library/python:3'))).toBe('python');
  expect(familiarRepository(parseReference('ghcr.io/me/app'))).toBe('ghcr.io/me/app');
});

describe('what is no name is refused with what is wrong:', () => {
  test.each([
    ['Python', 'lower case'],
    ['me//app', 'nothing between two slashes'],
    ['app:', 'the tag'],
    ['app:-x', 'the tag'],
    [`app:${'x'.repeat(129)}`, 'the tag'],
    ['app@sha256:12', 'a digest'],
    ['app@md5:00000000000000000000000000000000', 'a digest'],
    ['a..b', '"a..b" is no part of a name'],
    ['-a', '"-a" is no part of a name'],
    ['0a'.repeat(32), 'write "sha256:" in front'],
    [':x', 'it has no name'],
    ['x'.repeat(260), 'longer than 255'],
    ['bad_host.io/app', 'no name of a registry'],
  ])('%s', (text, why) => {
    expect(() => parseReference(text)).toThrow(
      expect.objectContaining({ reason: 'ENVIRONMENT_UNMET', message: expect.stringContaining(why) }),
    );
  });
});

test("an image's own id is told from a name", () => {
  expect(isImageId(DIGEST)).toBe(true);
  expect(isImageId(`python@${DIGEST}`)).toBe(false);
  expect(isImageId('python')).toBe(false);
});
