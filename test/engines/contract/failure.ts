import { expect } from 'vitest';
import { CodesetError } from '../../../src/core/errors.js';

/** The error that some work must end with. */
export async function failure(work: Promise<unknown>): Promise<CodesetError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(CodesetError);
  return error as CodesetError;
}
