import type { Digest } from '../../oci/digest.ts'
import type { ImageConfig } from '../../oci/image/image-config.ts'
import type { RepositoryName } from '../../oci/name.ts'
import type { Reference } from '../../oci/reference.ts'
import type { ShownLayer } from '../search/image-contents.ts'
import type { FoundImage, MeantImages } from '../search/meant-images.ts'

export interface ComparedLayer extends ShownLayer {
  readonly in: 'both' | 'from' | 'to'
}

/** Something that one config says otherwise than the other. */
export interface ComparedLine {
  /** `user`, `port 80/tcp`, `label maintainer`. */
  readonly name: string
  /** Undefined: it is not there. */
  readonly from: string | undefined
  readonly to: string | undefined
}

export interface ComparedImage {
  /** Of an image index, that of the image which was compared. */
  readonly digest: Digest
  /** Its layers, each once. */
  readonly bytes: number
}

export interface Comparison {
  readonly from: ComparedImage
  readonly to: ComparedImage
  /** Those of `to` in its order, then those that `from` has alone. */
  readonly layers: readonly ComparedLayer[]
  readonly commonBytes: number
  readonly config: readonly ComparedLine[]
}

export interface ComparedReferences {
  readonly from: Reference
  readonly to: Reference
  /** Which image of an image index; undefined: its first. */
  readonly platform: string | undefined
}

/** Compares two images of a repository by what their manifests and configs say. No layer is read. */
export class Comparisons {
  readonly #meant: MeantImages

  constructor(meant: MeantImages) {
    this.#meant = meant
  }

  /** Throws MANIFEST_UNKNOWN, also for a platform that an image index does not have, and UNSUPPORTED for what cannot be compared. */
  async of(repository: RepositoryName, { from, to, platform }: ComparedReferences): Promise<Comparison> {
    const one = await this.#meant.image(repository, { reference: from, platform })
    const other = await this.#meant.image(repository, { reference: to, platform })
    const [left, right] = [layersOf(one), layersOf(other)]
    const layers: readonly ComparedLayer[] = [
      ...[...right.values()].map((layer) => ({ ...layer, in: left.has(layer.digest) ? ('both' as const) : ('to' as const) })),
      ...[...left.values()].filter(({ digest }) => !right.has(digest)).map((layer) => ({ ...layer, in: 'from' as const })),
    ]
    return {
      from: { digest: one.digest, bytes: sizeOf([...left.values()]) },
      to: { digest: other.digest, bytes: sizeOf([...right.values()]) },
      layers,
      commonBytes: sizeOf(layers.filter((layer) => layer.in === 'both')),
      config: differences(linesOf(one.facts?.config), linesOf(other.facts?.config)),
    }
  }
}

function layersOf({ contents }: FoundImage): ReadonlyMap<Digest, ShownLayer> {
  return new Map(contents.layers.map((layer) => [layer.digest, layer]))
}

function sizeOf(layers: readonly ShownLayer[]): number {
  return Math.min(
    layers.reduce((sum, { size }) => sum + size, 0),
    Number.MAX_SAFE_INTEGER,
  )
}

function linesOf(config: ImageConfig | undefined): ReadonlyMap<string, string> {
  if (config === undefined) return new Map()
  const { user, workingDirectory, entrypoint, command, ports, environment, labels } = config
  const words = (list: readonly string[]) => (list.length === 0 ? '' : JSON.stringify(list))
  const lines: readonly (readonly [string, string])[] = [
    ...([
      ['user', user],
      ['working directory', workingDirectory],
    ] as const),
    ...([
      ['entrypoint', words(entrypoint)],
      ['command', words(command)],
    ] as const),
    ...ports.map((port) => [`port ${port}`, 'exposed'] as const),
    ...environment.map((name) => [`variable ${name}`, 'set'] as const),
    ...Object.entries(labels).map(([name, text]) => [`label ${name}`, text] as const),
  ]
  return new Map(lines.filter(([, text]) => text !== ''))
}

function differences(from: ReadonlyMap<string, string>, to: ReadonlyMap<string, string>): readonly ComparedLine[] {
  const names = [...new Set([...from.keys(), ...to.keys()])]
  return names.map((name) => ({ name, from: from.get(name), to: to.get(name) })).filter((line) => line.from !== line.to)
}
