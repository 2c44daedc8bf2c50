/** What is imported can't be used; the message says why, for whoever holds it. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
}
