/** The names of a generated enum that mean something. */
type Named<E> = Exclude<keyof E, 'UNSPECIFIED' | 'UNRECOGNIZED'>;

export interface EnumTable<Core extends string, Proto> {
  toProto(value: Core): Proto;
  /** Undefined for UNSPECIFIED and for numbers that this version does not know. */
  fromProto(value: Proto): Core | undefined;
}

/**
 * Ties a string union of core to a generated enum, name by name. It does not compile when the enum has a name
 * that the table lacks; a member of the union that it lacks is an error where `toProto` is called.
 */
export function enumTable<
  E extends Record<string, string | number>,
  const T extends Readonly<Record<string, Named<E>>>,
>(
  values: E,
  table: T & ([Exclude<Named<E>, T[keyof T]>] extends [never] ? unknown : never),
): EnumTable<keyof T & string, E[keyof E]> {
  const entries = Object.entries(table as Record<string, keyof E>) as [keyof T & string, keyof E][];
  const toProto = new Map(entries.map(([core, name]) => [core, values[name]]));
  const fromProto = new Map(entries.map(([core, name]) => [values[name], core]));
  return {
    toProto: (value) => toProto.get(value) as E[keyof E],
    fromProto: (value) => fromProto.get(value),
  };
}
