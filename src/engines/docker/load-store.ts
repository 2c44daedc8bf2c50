import type { DockerParts } from './open-parts.js';

/** Reads which layers there are, and brings images and layers in line: none of them is without the other afterwards. */
export async function loadStore({
  layers,
  names,
  roots,
}: Pick<DockerParts, 'layers' | 'names' | 'roots'>): Promise<void> {
  await layers.load();
  const there = new Set((await roots.list()).map(({ name }) => name));
  for (const { layerId, image } of layers.list()) {
    // Removed by somebody: what was made of it is made again.
    if (image !== undefined && !there.has(names.layerImage(layerId))) await layers.delete(layerId);
  }
  await roots.sweep();
}
