import { findRepositoryName, type RepositoryName } from '../../oci/name.ts'
import type { RepositoryGlob } from '../../oci/repository-glob.ts'
import { listedNames, meantNames, type NamesOptions } from '../../upstream/carrying/registry-names.ts'
import { UpstreamFailure } from '../../upstream/upstream-failure.ts'
import { ImageError } from '../image-error.ts'
import { DOCKER_HUB } from '../image-name.ts'

/** Another registry, as the command line names it. */
export interface ImportSource {
  /** Host and port. */
  readonly registry: string
  readonly plainHttp: boolean
  /** What is below this name is meant: a project, an organisation of Docker Hub. Undefined: all. */
  readonly below: RepositoryName | undefined
}

const SOURCE = /^(https?:\/\/)?((?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?)(?:\/(.*?))?\/?$/

/** `https://harbor.example.com`, `harbor.example.com/project`, `docker.io/organisation`. Throws ImageError. */
export function parseImportSource(text: string): ImportSource {
  const [, scheme = '', host = '', path = ''] = SOURCE.exec(text) ?? []
  const below = path === '' ? undefined : findRepositoryName(path)
  if (host === '' || !URL.canParse(`https://${host}`) || (path !== '' && below === undefined))
    throw new ImageError(
      `${text} is no registry; write it as https://harbor.example.com, or harbor.example.com/project for a part of it`,
    )
  const isHub = ['docker.io', 'index.docker.io', 'registry-1.docker.io', 'hub.docker.com'].includes(host)
  return { registry: isHub ? DOCKER_HUB : host, plainHttp: scheme === 'http://', below }
}

export interface RepositoryNamesOptions extends NamesOptions {
  readonly from: ImportSource
  /** By their whole names there; empty: all. */
  readonly patterns: readonly RepositoryGlob[]
  /** Lists those of an organisation of Docker Hub, whose registry lists none. */
  readonly listHub: (organisation: string, signal: AbortSignal) => AsyncIterable<string>
}

/** The names of repositories that are meant, as the registry has them. Throws ImageError and UpstreamFailure. */
export function repositoryNames(options: RepositoryNamesOptions): AsyncIterable<string> {
  return meantNames(options.patterns, () => listed(options))
}

async function* listed(options: RepositoryNamesOptions): AsyncGenerator<string> {
  const { from, listHub, signal } = options
  const { below } = from
  const isHub = from.registry === DOCKER_HUB
  if (isHub && below === undefined)
    throw withoutList('Docker Hub lists the repositories of an organisation alone: --from docker.io/ORGANISATION.')
  const names = isHub ? listHub(below ?? '', signal) : listedNames(options)
  try {
    for await (const name of names) if (below === undefined || name.startsWith(`${below}/`)) yield name
  } catch (error) {
    if (error instanceof UpstreamFailure && !error.mayPass) throw withoutList(error.message, error)
    throw error
  }
}

function withoutList(why: string, cause?: unknown): ImageError {
  return new ImageError(`${why} Name the repositories with --repositories, without a star.`, { cause })
}
