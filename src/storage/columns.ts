// How entities become columns and columns entities: one small function per kind of value.

/**
 * For each field of an entity, the columns that hold it. Serves whole rows and partial changes alike: a field
 * that a change doesn't name leaves its columns alone.
 */
export type Encoders<Entity, Row> = {
  readonly [Field in keyof Entity]-?: (value: Entity[Field]) => Partial<Row>;
};

export function encode<Entity extends object, Row extends object>(
  encoders: Encoders<Entity, Row>,
  entity: Partial<Entity>,
): Partial<Row> {
  let row: Partial<Row> = {};
  for (const field of Object.keys(entity) as (keyof Entity)[]) {
    // A field that the schema doesn't know is somebody's extra and none of ours.
    if (!Object.hasOwn(encoders, field)) continue;
    row = { ...row, ...encoders[field](entity[field] as Entity[keyof Entity]) };
  }
  return row;
}

/** A whole row. The type of `entity` is the proof that every column is there. */
export function encodeRow<Entity extends object, Row extends object>(
  encoders: Encoders<Entity, Row>,
  entity: Entity,
): Row {
  return encode(encoders, entity) as Row;
}

export function timeOut(time: Date): number {
  const ms = time.getTime();
  if (!Number.isSafeInteger(ms)) throw new Error('A time to be stored is not a valid date.');
  return ms;
}

export function optionalTimeOut(time: Date | undefined): number | null {
  return time === undefined ? null : timeOut(time);
}

export function timeIn(ms: number): Date {
  return new Date(ms);
}

export function optionalTimeIn(ms: number | null): Date | undefined {
  return ms === null ? undefined : new Date(ms);
}

export function optionalOut<T>(value: T | undefined): T | null {
  return value === undefined ? null : value;
}

export function optionalIn<T>(value: T | null): T | undefined {
  return value === null ? undefined : value;
}

/** JSON drops fields that are undefined; whoever reads one with such fields puts them back. */
export function jsonIn<T>(text: string): T {
  return JSON.parse(text) as T;
}
