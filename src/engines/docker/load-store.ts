import type { DockerParts } from './open-parts.js';

/** Reads which layers there are, and brings images and layers in line: none of them is without the other afterwards. */
export async function loadStore({
  layers,
  names,
  roots,
}: Pick<DockerParts, 'layers' | 'names' | 'roots'>): Promise<void> {
  await layers.load();
  const there = new Set((await roots.list()).map(({ name }) => name));
  const wanted = new Set<string>();
  for (const { layerId, image } of layers.list()) {
    const name = names.layerImage(layerId);
    wanted.add(name);
    // Removed by somebody: what was made of it is made again.
    if (image !== undefined && !there.has(name)) await layers.delete(layerId);
  }
  await roots.sweep(wanted);
}
