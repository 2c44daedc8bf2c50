import { which, works } from '../../scripts/lib/process.mjs';

/** The languages that clients/ has a program in, each with what builds it. */
export type ClientLanguage = 'go' | 'java' | 'rust' | 'cpp';

/** What this machine lacks to build a language's client and how to get it, in a sentence; else nothing. */
export function clientLacks(language: ClientLanguage): string | undefined {
  const { programs, how } = TOOLCHAINS[language];
  const lacking = programs.filter((program) => which(program) === undefined);
  if (language === 'cpp' && lacking.length === 0 && !works('pkg-config', ['--exists', 'grpc++']))
    lacking.push('libgrpc++');
  return lacking.length === 0 ? undefined : `needs ${lacking.join(' and ')}: ${how}`;
}

const TOOLCHAINS: Readonly<
  Record<ClientLanguage, { readonly programs: readonly string[]; readonly how: string }>
> = {
  go: { programs: ['go'], how: 'Go 1.24 or newer' },
  java: { programs: ['mvn', 'java'], how: 'Debian, Ubuntu: apt-get install maven openjdk-17-jdk-headless' },
  rust: { programs: ['cargo'], how: 'Rust 1.88 or newer' },
  cpp: {
    programs: ['cmake', 'c++', 'make', 'pkg-config', 'protoc', 'grpc_cpp_plugin'],
    how: 'Debian, Ubuntu: apt-get install g++ make cmake pkg-config libgrpc++-dev libprotobuf-dev protobuf-compiler-grpc',
  },
};
