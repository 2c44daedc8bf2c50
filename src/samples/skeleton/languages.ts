/** How a new sample is written in one language: a program that counts the words of its argument, and gets it wrong. */
export interface SkeletonLanguage {
  /** As sample.yaml has it. */
  readonly language: string;
  /** Programs of the host's toolchain. */
  readonly requires: readonly string[];
  readonly image: string;
  readonly env: Readonly<Record<string, string>>;
  readonly memory: string;
  /** Of the verification. */
  readonly timeout: string;
  readonly file: string;
  readonly before: string;
  readonly after: string;
  /** Other files of the codebase. */
  readonly more: Readonly<Record<string, string>>;
  /** Lines of the script that build the program; '' for none. */
  readonly build: string;
  /** What runs it, as the script writes it. */
  readonly run: string;
}

const PYTHON = (split: string): string => `import sys


def count_words(text):
    return len(text.${split})


if __name__ == "__main__":
    print(count_words(sys.argv[1]))
`;

const NODE = (split: string): string => `export function countWords(text) {
  return text.${split}.length;
}

console.log(countWords(process.argv[2] ?? ''));
`;

const GO = (split: string): string => `package main

import (
	"fmt"
	"os"
	"strings"
)

func countWords(text string) int {
	return len(strings.${split})
}

func main() {
	fmt.Println(countWords(os.Args[1]))
}
`;

const GO_BUILD = `# Built as the subject's user; from the copy on nobody but root can put another program in its place.
mkdir "$stage.build" && chmod 777 "$stage.build" || exit 2
as-subject go build -o "$stage.build/words" . && cp "$stage.build/words" "$stage/words" && chmod 755 "$stage/words"
rm -rf "$stage.build"
`;

export const SKELETON_LANGUAGES: Readonly<Record<string, SkeletonLanguage>> = {
  python: {
    language: 'python',
    requires: ['python3'],
    image: 'python:3.13-slim',
    env: { PYTHONDONTWRITEBYTECODE: '1' },
    memory: '512MiB',
    timeout: '2m',
    file: 'words.py',
    before: PYTHON('split(" ")'),
    after: PYTHON('split()'),
    more: {},
    build: '',
    run: 'python3 words.py',
  },
  node: {
    language: 'javascript',
    requires: ['node'],
    image: 'node:22-slim',
    env: {},
    memory: '1GiB',
    timeout: '2m',
    file: 'words.js',
    before: NODE("split(' ')"),
    after: NODE("split(' ').filter((word) => word !== '')"),
    more: { 'package.json': '{ "name": "words", "private": true, "type": "module" }\n' },
    build: '',
    run: 'node words.js',
  },
  go: {
    language: 'go',
    requires: ['go'],
    image: 'golang:1.24',
    env: {
      CGO_ENABLED: '0',
      GOCACHE: '/tmp/go-cache',
      GOPATH: '/tmp/go',
      GOPROXY: 'off',
      GOTOOLCHAIN: 'local',
      GOTELEMETRY: 'off',
    },
    memory: '2GiB',
    timeout: '5m',
    file: 'main.go',
    before: GO('Split(text, " ")'),
    after: GO('Fields(text)'),
    more: { 'go.mod': 'module example.org/words\n\ngo 1.20\n' },
    build: GO_BUILD,
    run: '"$stage/words"',
  },
  shell: {
    language: 'shell',
    requires: ['sh'],
    image: 'debian:12-slim',
    env: {},
    memory: '256MiB',
    timeout: '2m',
    file: 'words.sh',
    before: "#!/bin/sh\nset -f\nprintf '%s\\n' \"$1\" | tr ' ' '\\n' | grep -c ''\n",
    after: '#!/bin/sh\nset -f\nset -- $1\necho "$#"\n',
    more: {},
    build: '',
    run: 'sh words.sh',
  },
};
