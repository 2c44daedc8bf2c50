import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { which, works } from '../../scripts/lib/process.mjs';

/** The languages that clients/ has a program in. */
export type ClientLanguage = 'go' | 'java' | 'rust' | 'cpp';

interface Toolchain {
  readonly programs: readonly string[];
  /** Of the first program: how it is asked for its version, and the least minor version of its 1. */
  readonly version?: { readonly args: readonly string[]; readonly minor: number };
  readonly how: string;
}

const TOOLCHAINS: Readonly<Record<ClientLanguage, Toolchain>> = {
  go: { programs: ['go'], version: { args: ['version'], minor: 24 }, how: 'Go 1.24 or newer' },
  java: { programs: ['mvn', 'javac'], how: 'Debian, Ubuntu: apt-get install maven openjdk-17-jdk-headless' },
  rust: { programs: ['cargo'], version: { args: ['--version'], minor: 88 }, how: 'Rust 1.88 or newer' },
  cpp: {
    programs: ['cmake', 'c++', 'make', 'pkg-config', 'protoc', 'grpc_cpp_plugin'],
    how: 'Debian, Ubuntu: apt-get install g++ make cmake pkg-config libgrpc++-dev libprotobuf-dev protobuf-compiler-grpc',
  },
};

/**
 * What a program of these is run with beside the environment. rustup's `cargo` looks for its toolchains in the home of
 * who runs it; with another home they are still beside it.
 */
export function toolchainEnvironment(): Readonly<Record<string, string>> {
  const cargo = which('cargo');
  if (cargo === undefined || process.env['RUSTUP_HOME'] !== undefined) return {};
  const beside = join(cargo, '../../../.rustup');
  const usual = join(process.env['HOME'] ?? '/', '.rustup');
  return !existsSync(join(usual, 'toolchains')) && existsSync(beside) ? { RUSTUP_HOME: beside } : {};
}

/** What this machine lacks to build a language's client and how to get it, in a sentence; else nothing. */
export function clientLacks(language: ClientLanguage): string | undefined {
  const { programs, version, how } = TOOLCHAINS[language];
  const lacking = programs.filter((program) => which(program) === undefined);
  if (lacking.length > 0) return `needs ${lacking.join(' and ')}: ${how}`;
  if (language === 'cpp' && !works('pkg-config', ['--exists', 'grpc++']))
    return `needs gRPC's headers: ${how}`;
  if (version === undefined || minorOf(programs[0] ?? '', version.args) >= version.minor) return undefined;
  return `needs a newer one: ${how}`;
}

function minorOf(program: string, args: readonly string[]): number {
  const { stdout } = spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, ...toolchainEnvironment() },
  });
  return Number(/\b(?:go)?1\.(\d+)/.exec(stdout)?.[1] ?? 0);
}
