import { findRepositoryName, parseRepositoryName, type RepositoryName } from '../../oci/name.ts'
import type { RepositoryGlob } from '../../oci/repository-glob.ts'

/** A mirror, as far as names go. */
export interface NamedMirror {
  /** What is below it comes from the other registry. */
  readonly prefix: RepositoryName
  /** Where that registry is. */
  readonly urls: readonly string[]
  /** Which of its repositories are fetched, by their names there; empty: all of them. */
  readonly repositories: readonly RepositoryGlob[]
  /** Pulls of names that are not local are answered from it. */
  readonly isDefault: boolean
}

/** Docker Hub, whose images of its own are below `library/` and are called without it. */
const HUB_PREFIX = 'docker.io'
const HUB_HOSTS = ['docker.io', 'index.docker.io', 'registry-1.docker.io']

interface Entry<Mirror> {
  readonly mirror: Mirror
  /** The prefix and a slash: made once, for each request is compared with it. */
  readonly below: string
  readonly isHub: boolean
  /** By which clients name the registry, beside the prefix. */
  readonly hosts: readonly string[]
}

/** Which repositories are those of mirrors, and what clients call them. No prefix is within another one. */
export class MirrorNames<Mirror extends NamedMirror = NamedMirror> {
  readonly #entries: readonly Entry<Mirror>[]
  readonly #default: Entry<Mirror> | undefined

  constructor(mirrors: readonly Mirror[]) {
    this.#entries = mirrors.map((mirror) => {
      const hosts = mirror.urls.map((url) => new URL(url).host)
      const isHub = mirror.prefix === HUB_PREFIX || hosts.some((host) => HUB_HOSTS.includes(host))
      return { mirror, below: `${mirror.prefix}/`, isHub, hosts: isHub ? [...hosts, ...HUB_HOSTS] : hosts }
    })
    this.#default = this.#entries.find(({ mirror }) => mirror.isDefault)
  }

  /** No name belongs to a mirror. */
  get isEmpty(): boolean {
    return this.#entries.length === 0
  }

  /** One of them is the default. */
  get hasDefault(): boolean {
    return this.#default !== undefined
  }

  /** The mirror to whose prefix a name belongs, whether or not it is fetched there. Nothing is pushed to such a name. */
  ownerOf(repository: RepositoryName): Mirror | undefined {
    return this.#ownerOf(repository)?.mirror
  }

  /** The mirror from which a repository is fetched. */
  find(repository: RepositoryName): Mirror | undefined {
    const mirror = this.ownerOf(repository)
    if (mirror === undefined || repository === mirror.prefix) return undefined
    const { repositories } = mirror
    if (repositories.length === 0) return mirror
    const there = nameThere(mirror, repository)
    return there !== undefined && repositories.some((glob) => glob.fits(there)) ? mirror : undefined
  }

  /** The name under which a repository is kept, whatever a client calls it: `docker.io/alpine` is `docker.io/library/alpine`. */
  complete(repository: RepositoryName): RepositoryName {
    const owner = this.#ownerOf(repository)
    if (owner?.isHub !== true) return repository
    const there = nameThere(owner.mirror, repository)
    return (there && findRepositoryName(textHere(owner, there))) ?? repository
  }

  /**
   * The name of what a client calls so that says with `ns` which registry it means, as containerd does: by its prefix, or by the host of its
   * address. Undefined where that is no mirror. Throws NAME_INVALID for a name that would be too long.
   */
  inNamespace(namespace: string, repository: RepositoryName): RepositoryName | undefined {
    const entry =
      this.#entries.find(({ mirror }) => mirror.prefix === namespace) ??
      this.#entries.find(({ hosts }) => hosts.includes(namespace))
    return entry && parseRepositoryName(textHere(entry, repository))
  }

  /** The name in the default mirror of what a client calls so; undefined where there is none, or the name belongs to a mirror already. */
  inDefault(repository: RepositoryName): RepositoryName | undefined {
    if (this.#default === undefined || this.#ownerOf(repository) !== undefined) return undefined
    const here = findRepositoryName(textHere(this.#default, repository))
    return here !== undefined && this.find(here) !== undefined ? here : undefined
  }

  #ownerOf(repository: RepositoryName): Entry<Mirror> | undefined {
    return this.#entries.find(({ mirror: { prefix }, below }) => repository.startsWith(below) || repository === prefix)
  }
}

/** What the other registry calls it; undefined for the prefix itself. */
export function nameThere({ prefix }: Pick<NamedMirror, 'prefix'>, repository: RepositoryName): RepositoryName | undefined {
  return findRepositoryName(repository.slice(prefix.length + 1))
}

/** It may be too long for a name. */
function textHere<Mirror extends NamedMirror>({ mirror, isHub }: Entry<Mirror>, there: RepositoryName): string {
  return `${mirror.prefix}/${isHub && !there.includes('/') ? 'library/' : ''}${there}`
}
