import { expect, test } from 'vitest';
import { fetchedByTrigger, readDockerfile } from '../../../../../src/engines/docker/images/dockerfile.js';

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

test('labels come behind each FROM, whatever lines it takes, and at the end of each stage', () => {
  const { labelled } = readDockerfile('FROM \\\n  a \\\n  AS x\nRUN b\nFROM x\nUSER c\n');
  expect(labelled({ one: '1', two: '2' })).toBe(
    'FROM \\\n  a \\\n  AS x\nLABEL one=1 two=2\nRUN b\nLABEL one=1 two=2\nFROM x\nLABEL one=1 two=2\nUSER c\nLABEL one=1 two=2\n',
  );
});

test('another escape character is heeded', () => {
  const { labelled } = readDockerfile('# escape=`\nFROM `\n  a\nRUN b \\\nRUN c');
  expect(labelled({ one: '1' })).toBe('# escape=`\nFROM `\n  a\nLABEL one=1\nRUN b \\\nRUN c\nLABEL one=1');
});

test('what ends in the middle of an instruction gets no label there', () => {
  for (const end of ['RUN b \\', 'RUN b \\\n', 'RUN b \\\n# c'])
    expect(readDockerfile(`FROM a\n${end}`).labelled({ one: '1' })).toBe(`FROM a\nLABEL one=1\n${end}`);
});

test('an empty file, and one without FROM, have no images', () => {
  expect(basesOf('')).toEqual([]);
  expect(basesOf('RUN x')).toEqual([]);
});

function fetched(...lines: readonly string[]): readonly string[] {
  return readDockerfile(['FROM a', ...lines].join('\n')).fetched;
}

test.each([
  'ADD http://127.0.0.1/x /x',
  'add HTTPS://example.org/x /x',
  'ADD ftp://example.org/x /x',
  'ADD git@example.org:a/b.git /x',
  'ADD --chown=1:1 file.txt http://10.0.0.1/x /x/',
  'ADD ["http://169.254.169.254/", "/x"]',
  'ADD ["\\u0068ttp://127.0.0.1/", "/x"]',
  'ADD --chown="a b" ["\\u0068ttp\\u003a//127.0.0.1/", "/x"]',
  'ADD "ht"tp://127.0.0.1/x /x',
  'ADD ht\\tp://127.0.0.1/x /x',
  'ADD $SOURCE /x',
  'ADD ${SOURCE:-file.txt} /x',
  'ADD ht${REST} /x',
  'ADD ["$SOURCE", "/x"]',
  'ONBUILD ADD http://127.0.0.1/x /x',
  'RUN a \\\nb\nADD \\\n  # a comment\n  http://127.0.0.1/x \\\n  /x',
  'RUN a \\\\\nADD http://127.0.0.1/x /x',
  '\u0085ADD\u0085http://127.0.0.1/x /x',
])('%j has the daemon fetch, or may', (line) => {
  expect(fetched(line)).not.toEqual([]);
});

test('what ADD takes from the sample is no fetching, nor is a URL in another instruction', () => {
  const lines = [
    'ADD file.txt $HOME/x',
    'ADD --chown=$USER:$USER ["a file", "another", "$HOME"]',
    'ADD app-$VERSION.tar.gz ./b ${HOME}',
    'RUN a \\\n  add http://example.org/x y',
    'RUN curl http://example.org/x',
    'ENV ADD=http://example.org',
    'ONBUILD RUN curl http://example.org/x',
    'COPY a b',
  ];
  expect(fetched(...lines)).toEqual([]);
});

test("a base image's trigger that has the daemon fetch is told", () => {
  expect(fetchedByTrigger('ADD http://127.0.0.1/x /x')).toEqual(['http://127.0.0.1/x']);
  expect(fetchedByTrigger('ADD . /x')).toEqual([]);
});

test('what only BuildKit knows is told', () => {
  const lines = [
    '# syntax=docker/dockerfile:1',
    'FROM --platform=linux/amd64 a',
    'RUN --mount=type=cache,target=/x \\\n --network=none b',
    'COPY --link --from=0 a b',
    'ADD --checksum=sha256:1 a b',
    "COPY <<-'EOF' /x",
    'RUN <<END bash',
  ];
  expect(readDockerfile(lines.join('\n')).newer).toEqual([
    '# syntax=',
    'RUN --mount',
    'RUN --network',
    'COPY --link',
    'ADD --checksum',
    'COPY <<',
    'RUN <<',
  ]);
});

test('what the classic builder knows as well is not taken for it', () => {
  const lines = [
    '# a comment',
    '# syntax=docker/dockerfile:1',
    'FROM a AS b',
    'COPY --from=b --chown=1:1 a b',
    'RUN git log --mount; bash -c "cat <<<$A"',
    'HEALTHCHECK --interval=5m CMD a',
    'RUN a \\\n  # --mount=x\n  b',
  ];
  expect(readDockerfile(lines.join('\n')).newer).toEqual([]);
});
