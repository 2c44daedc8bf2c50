import { expect, test } from 'vitest';
import { readDockerfile } from '../../../../../src/engines/docker/images/dockerfile.js';

function basesOf(text: string): readonly (string | undefined)[] {
  return readDockerfile(text).bases.map(({ image }) => image);
}

test('the images that a Dockerfile stands on are found, its own stages left out', () => {
  const text = [
    '# a comment',
    'ARG VERSION=3.12',
    'FROM --platform=linux/amd64 python:${VERSION}-slim AS Build',
    'RUN echo FROM nothing \\',
    '  # a comment inside',
    '  FROM neither',
    'FROM scratch',
    'FROM build',
    'COPY --from=build /a /b',
    'COPY --from=0 /a /b',
    'COPY --from=alpine:3 /a /b',
    'from "debian:12"',
  ].join('\n');
  expect(basesOf(text)).toEqual(['python:3.12-slim', 'alpine:3', 'debian:12']);
});

test('an image that is known only at the build is not guessed', () => {
  expect(basesOf('ARG BASE\nFROM $BASE')).toEqual([undefined]);
  expect(basesOf('FROM ${BASE:-alpine}')).toEqual(['alpine']);
});

test('labels come behind each FROM, whatever lines it takes', () => {
  const { labelled } = readDockerfile('FROM \\\n  a \\\n  AS x\nRUN b\nFROM x\nUSER c\n');
  expect(labelled({ one: '1', two: '2' })).toBe(
    'FROM \\\n  a \\\n  AS x\nLABEL one=1 two=2\nRUN b\nFROM x\nLABEL one=1 two=2\nUSER c\n',
  );
});

test('another escape character is heeded', () => {
  const { labelled } = readDockerfile('# escape=`\nFROM `\n  a\nRUN b \\\nRUN c');
  expect(labelled({ one: '1' })).toBe('# escape=`\nFROM `\n  a\nLABEL one=1\nRUN b \\\nRUN c');
});

test('an empty file, and one without FROM, have no images', () => {
  expect(basesOf('')).toEqual([]);
  expect(basesOf('RUN x')).toEqual([]);
});
