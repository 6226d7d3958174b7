import { LAYERS_OF_IMAGE, LayoutStore } from './layout-store.ts'

/** Layers of one repository: as large as a registry that nobody has collected for years has them. */
const LAYERS_OF_REPOSITORY = 1000

export interface CollectableStore {
  readonly repositories: number
  /** Layers that an image names. */
  readonly named: number
  /** Layers that nothing names, each with its link. */
  readonly garbage: number
}

/**
 * Writes a directory as registry:2 might have left it, with so many layers of a few bytes each; of ten layers nine belong to an image.
 * `layers` is a multiple of a thousand.
 */
export function writeCollectableStore(root: string, layers: number): CollectableStore {
  const store = new LayoutStore(root)
  const repositories = layers / LAYERS_OF_REPOSITORY
  const images = (LAYERS_OF_REPOSITORY * 0.9) / LAYERS_OF_IMAGE
  const unnamed = LAYERS_OF_REPOSITORY * 0.1
  for (let number = 0; number < repositories; number += 1) {
    store.writeImages(`team-${Math.floor(number / 100)}/app-${number}`, { images, unnamed })
  }
  return { repositories, named: repositories * images * LAYERS_OF_IMAGE, garbage: repositories * unnamed }
}
