/** A row with the same values is there. Caught by repositories, which know what it means. */
export class UniqueViolation extends Error {
  override readonly name = 'UniqueViolation';
  readonly columns: readonly string[];

  constructor(columns: readonly string[], cause: unknown) {
    super(`A row with the same ${columns.join(', ')} is stored already.`, { cause });
    this.columns = columns;
  }
}

/** The row that this one belongs to is not there. */
export class ForeignKeyViolation extends Error {
  override readonly name = 'ForeignKeyViolation';

  constructor(cause: unknown) {
    super('The row refers to one that is not stored.', { cause });
  }
}
