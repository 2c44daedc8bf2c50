import { invalidFields, type FieldViolation } from '../core/errors.js';
import type { Duration } from '../../gen/google/protobuf/duration.js';

export const SECOND = 1000;
export const HOUR = 3600 * SECOND;
export const DAY = 24 * HOUR;
/** How long a session may live. */
export const LIFETIME = { min: SECOND, max: 7 * DAY };
export const KIB = 1024;
export const MIB = 1024 * KIB;

const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,255}$/;
const LABEL_KEY = /^[a-z0-9][a-z0-9._/-]{0,62}$/;

/** Collects what is wrong with a request's fields, so that the answer names all of it at once. */
export class Checker {
  readonly #violations: FieldViolation[] = [];

  fail(field: string, description: string): void {
    this.#violations.push({ field, description });
  }

  /** @throws INVALID_FIELD with everything that was found. */
  done(): void {
    if (this.#violations.length > 0) throw invalidFields(this.#violations);
  }

  /** A string without NUL; `max` in bytes of UTF-8. */
  text(
    field: string,
    value: string,
    rule: { required?: boolean; max: number; pattern?: RegExp; expected?: string },
  ): string {
    if (value === '') {
      if (rule.required === true) this.fail(field, 'is required');
    } else if (Buffer.byteLength(value) > rule.max) {
      this.fail(field, `is ${Buffer.byteLength(value)} bytes long, ${rule.max} are allowed`);
    } else if (value.includes('\0')) {
      this.fail(field, 'must not contain NUL');
    } else if (rule.pattern !== undefined && !rule.pattern.test(value)) {
      this.fail(field, `must be ${rule.expected ?? `of the form ${rule.pattern.source}`}`);
    }
    return value;
  }

  /** An identifier that the service made or that a client asks about: any short text. */
  id(field: string, value: string): string {
    return this.text(field, value, { required: true, max: 256 });
  }

  /** A client-chosen id; undefined when absent. */
  requestId(field: string, value: string): string | undefined {
    this.text(field, value, {
      max: 128,
      pattern: REQUEST_ID,
      expected: '1 to 128 letters, digits, or any of . _ : -',
    });
    return value === '' ? undefined : value;
  }

  bytes(field: string, value: Uint8Array, rule: { required?: boolean; max: number }): Uint8Array {
    if (rule.required === true && value.length === 0) this.fail(field, 'is required');
    if (value.length > rule.max) this.fail(field, `is ${value.length} bytes long, ${rule.max} are allowed`);
    return value;
  }

  list(field: string, value: readonly string[], rule: { maxItems: number; max: number }): readonly string[] {
    if (value.length > rule.maxItems)
      this.fail(field, `has ${value.length} items, ${rule.maxItems} are allowed`);
    else
      value.forEach((item, index) =>
        this.text(`${field}[${index}]`, item, { required: true, max: rule.max }),
      );
    return value;
  }

  env(field: string, value: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    const entries = Object.entries(value);
    if (entries.length > 256) this.fail(field, `has ${entries.length} variables, 256 are allowed`);
    let total = 0;
    for (const [name, text] of entries.slice(0, 256)) {
      const path = `${field}[${JSON.stringify(name.slice(0, 64))}]`;
      if (!ENV_NAME.test(name)) {
        this.fail(path, 'the name must be letters, digits and _, not starting with a digit, at most 256');
      }
      // The kernel takes 128 KiB for `NAME=value` with its NUL.
      this.text(path, text, { max: 128 * KIB - name.length - 2 });
      total += name.length + Buffer.byteLength(text) + 2;
    }
    if (total > MIB) this.fail(field, `is ${total} bytes in all, ${MIB} are allowed`);
    return value;
  }

  labels(field: string, value: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    const entries = Object.entries(value);
    if (entries.length > 64) this.fail(field, `has ${entries.length} labels, 64 are allowed`);
    let total = 0;
    for (const [key, text] of entries.slice(0, 64)) {
      const path = `${field}[${JSON.stringify(key.slice(0, 64))}]`;
      if (!LABEL_KEY.test(key)) {
        this.fail(path, 'the key must be 1 to 63 of a-z 0-9 . _ / -, starting with a letter or digit');
      }
      this.text(path, text, { max: 256 });
      total += key.length + Buffer.byteLength(text);
    }
    if (total > 8 * KIB) this.fail(field, `is ${total} bytes in all, ${8 * KIB} are allowed`);
    return value;
  }

  /** A count from 0 to `max`. */
  count(field: string, value: number, max: number): number {
    if (!Number.isInteger(value) || value < 0 || value > max) {
      this.fail(field, `must be from 0 to ${max}`);
      return 0;
    }
    return value;
  }

  /** A 64-bit count of bytes; 0 stands in for what is refused. */
  offset(field: string, value: bigint, max: number = Number.MAX_SAFE_INTEGER): number {
    if (value < 0n || value > BigInt(max)) {
      this.fail(field, `must be from 0 to ${max}`);
      return 0;
    }
    return Number(value);
  }

  /** Milliseconds, rounded up; undefined when absent. */
  duration(
    field: string,
    value: Duration | undefined,
    rule: { min: number; max: number; required?: boolean },
  ): number | undefined {
    if (value === undefined) {
      if (rule.required === true) this.fail(field, 'is required');
      return undefined;
    }
    const ms = Number(value.seconds) * 1000 + Math.ceil(value.nanos / 1e6);
    if (!(ms >= rule.min && ms <= rule.max) || Math.abs(value.nanos) > 999_999_999) {
      this.fail(field, `must be from ${rule.min / 1000} s to ${rule.max / 1000} s`);
      return undefined;
    }
    return ms;
  }

  /** How many items a page has. */
  pageSize(value: number, limits = { default: 50, max: 200 }): number {
    if (value < 0) this.fail('page_size', 'must not be negative');
    return value <= 0 ? limits.default : Math.min(value, limits.max);
  }
}
