// Ids of layers and sandboxes say which engine holds them: `docker.box_…`. Those of the local engine say nothing, as
// they did when it was the only one. Engines themselves take ids as they come.

/** Whose ids have no name in front. */
const UNNAMED = 'local';

/** The id under which an engine holds something. */
export function idAt(engine: string, id: string): string {
  return engine === UNNAMED ? id : `${engine}.${id}`;
}

/** The engine that holds what this id names. */
export function engineOfId(id: string): string {
  const dot = id.indexOf('.');
  return dot < 0 ? UNNAMED : id.slice(0, dot);
}

/** The id without its engine's name. */
export function bareId(id: string): string {
  return id.slice(id.indexOf('.') + 1);
}
