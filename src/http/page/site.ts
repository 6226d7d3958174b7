import type { SignIn } from '../../access/sessions.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'
import { isDigest, type Reference, type Tag } from '../../oci/reference.ts'
import { Address } from './text/html.ts'

export interface SiteOptions {
  /** What stands before `/v2/` for clients: '' or a path without the slash at its end. */
  readonly root: string
  /** Scheme and host that the browser used. */
  readonly origin: string
  readonly signIn: SignIn
  /** The name of the caller; undefined where it gave none. */
  readonly caller: string | undefined
  /** Users have accounts here that they may look at. */
  readonly hasAccounts: boolean
}

/** What every screen knows of the registry and of the browser that asks. */
export class Site {
  readonly #root: string
  readonly origin: string
  readonly signIn: SignIn
  readonly caller: string | undefined
  readonly hasAccounts: boolean

  constructor({ root, origin, signIn, caller, hasAccounts }: SiteOptions) {
    this.#root = root
    this.origin = origin
    this.signIn = signIn
    this.caller = caller
    this.hasAccounts = hasAccounts
  }

  /** As it stands before the name of an image. */
  get host(): string {
    return this.origin.replace(/^https?:\/\//, '')
  }

  get isEncrypted(): boolean {
    return this.origin.startsWith('https://')
  }

  /** '/' or the path below which all of it lies. */
  get home(): string {
    return `${this.#root}/`
  }

  repositories(query: Query = {}, below = ''): Address {
    return Address.here(`${this.#root}${below === '' ? '/' : `/ui/${below}`}${queryText(query)}`)
  }

  repository(repository: string, query: Query = {}): Address {
    return Address.here(`${this.#root}/ui/${repository}${queryText(query)}`)
  }

  /** Something that is done with a repository: a word below its address. */
  part(repository: RepositoryName, word: string, query: Query = {}): Address {
    return Address.here(`${this.#root}/ui/${repository}/-/${word}${queryText(query)}`)
  }

  image(repository: RepositoryName, reference: Reference): Address {
    return Address.here(`${this.#root}/ui/${referenceText(repository, reference)}`)
  }

  history(repository: RepositoryName, tag: Tag): Address {
    return Address.here(`${this.#root}/ui/${repository}:${tag}/history`)
  }

  content(repository: RepositoryName, digest: Digest, part: 'manifest' | 'config' | `layer-${number}`): Address {
    return Address.here(`${this.#root}/ui/${repository}@${digest}/${part}`)
  }

  /** The bytes of a file of an image, as the API has them. */
  file(repository: RepositoryName, reference: Reference, platform: string | undefined, path: string): Address {
    const image = isDigest(reference) ? { digest: reference } : { tag: reference }
    return Address.here(`${this.#root}/api/v1/repositories/${repository}/file${queryText({ ...image, platform, path })}`)
  }

  own(name: string, query: Query = {}): Address {
    return Address.here(`${this.#root}/ui/-/${name}${queryText(query)}`)
  }

  api(): Address {
    return Address.here(`${this.#root}/api/v1/openapi.json`)
  }
}

/** `team/app:v1`, `team/app@sha256:…` */
export function referenceText(repository: string, reference: Reference): string {
  return `${repository}${isDigest(reference) ? '@' : ':'}${reference}`
}

/** Parameters that are undefined or empty are left out; of a list each is one. */
export type Query = Readonly<Record<string, string | number | undefined | readonly string[]>>

function queryText(query: Query): string {
  const parameters = Object.entries(query).flatMap(([name, value]) =>
    [value ?? []].flat().flatMap((each) => (each === '' ? [] : [`${name}=${encodeURIComponent(each)}`])),
  )
  return parameters.length === 0 ? '' : `?${parameters.join('&')}`
}
