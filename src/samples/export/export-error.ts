/** The sample has no place in the other format; the message says why. */
export class ExportError extends Error {
  override readonly name = 'ExportError';
}
