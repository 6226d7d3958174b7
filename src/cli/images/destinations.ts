import { parseTagName } from '../../images/image-name.ts'
import type { Destination } from '../../images/push/destination.ts'
import type { Registries } from '../../images/registry/registries.ts'
import type { RepositoryName } from '../../oci/name.ts'

/** What the names on a command line stand for. `mountedFrom`: repositories of a registry, by its name. */
export async function destinationsOf(
  names: readonly string[],
  registries: Registries,
  mountedFrom: (registry: string) => readonly RepositoryName[] = () => [],
): Promise<readonly Destination[]> {
  const parsed = names.map(parseTagName)
  return await Promise.all(
    parsed.map(async (name) => {
      const beside = parsed.filter(({ registry }) => registry === name.registry).map(({ repository }) => repository)
      const sources = [...beside, ...mountedFrom(name.registry)].filter((repository) => repository !== name.repository)
      return { name, target: await registries.target(name.registry, [...new Set(sources)]) }
    }),
  )
}
