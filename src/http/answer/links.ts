import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/name.ts'

/** Where clients get tokens, behind what stands before `/v2/`: proxies that pass on the registry alone pass it on too. */
export const TOKEN_PATH = '/v2/token'

/**
 * Where clients find things: paths without scheme and host, so that no proxy's header and no setting can send a client elsewhere, and
 * without a query, which older clients extend wrongly.
 */
export class Paths {
  readonly #root: string

  /** `root` is what stands before `/v2/`: '' or a path without the slash at its end. */
  constructor(root: string) {
    this.#root = root
  }

  /** What stands before `/v2/`: '' or a path without the slash at its end. */
  get root(): string {
    return this.#root
  }

  catalog(): string {
    return `${this.#root}/v2/_catalog`
  }

  tags(repository: RepositoryName): string {
    return `${this.#root}/v2/${repository}/tags/list`
  }

  manifest(repository: RepositoryName, digest: Digest): string {
    return `${this.#root}/v2/${repository}/manifests/${digest}`
  }

  referrers(repository: RepositoryName, subject: Digest): string {
    return `${this.#root}/v2/${repository}/referrers/${subject}`
  }

  blob(repository: RepositoryName, digest: Digest): string {
    return `${this.#root}/v2/${repository}/blobs/${digest}`
  }

  upload(repository: RepositoryName, uploadId: string): string {
    return `${this.#root}/v2/${repository}/blobs/uploads/${uploadId}`
  }
}

/** What stands before `/v2/` for clients: the path of `http.host`, which a proxy may take away, else `http.prefix`. */
export function rootPath(host: string | undefined, prefix: string): string {
  const publicPath = host !== undefined && URL.canParse(host) ? new URL(host).pathname : '/'
  return (publicPath === '/' ? prefix : publicPath).replace(/\/+$/, '')
}

/** Scheme and host of `http.host`, for what cannot be a path: where to get a token. */
export function publicOriginOf(host: string | undefined): string | undefined {
  return host !== undefined && URL.canParse(host) ? new URL(host).origin : undefined
}

/** A `Link` header to the page that comes next (RFC 8288). Parameters that are undefined are left out. */
export function nextLink(path: string, parameters: Readonly<Record<string, string | number | undefined>>): string {
  const query = Object.entries(parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
  return `<${path}?${query.join('&')}>; rel="next"`
}
