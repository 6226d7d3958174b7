import { LAYERS_OF_IMAGE, LayoutStore, layerDigest, tagName } from './layout-store.ts'

/** Layers of one repository: as large as a registry that nobody has collected for years has them. */
const LAYERS_OF_REPOSITORY = 1000
const PATHS = 1000
const IMAGES = (LAYERS_OF_REPOSITORY * 0.9) / LAYERS_OF_IMAGE

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
  const unnamed = LAYERS_OF_REPOSITORY * 0.1
  for (let number = 0; number < repositories; number += 1) {
    store.writeImages(repositoryName(number), { images: IMAGES, unnamed })
  }
  return { repositories, named: repositories * IMAGES * LAYERS_OF_IMAGE, garbage: repositories * unnamed }
}

/** Paths of manifests and of layers that stay, spread over such a store. */
export function keptPaths(layers: number): { readonly manifest: readonly string[]; readonly blob: readonly string[] } {
  const repositories = layers / LAYERS_OF_REPOSITORY
  const images = Array.from({ length: PATHS }, (_, number) => {
    return { name: repositoryName(Math.floor((number * repositories) / PATHS)), image: number % IMAGES }
  })
  return {
    manifest: images.map(({ name, image }) => `/v2/${name}/manifests/${tagName(image)}`),
    blob: images.map(({ name, image }) => `/v2/${name}/blobs/${layerDigest(name, image, image % LAYERS_OF_IMAGE)}`),
  }
}

function repositoryName(number: number): string {
  return `team-${Math.floor(number / 100)}/app-${number}`
}
