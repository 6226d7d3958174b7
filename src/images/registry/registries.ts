import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { getCACertificates } from 'node:tls'
import type { RepositoryName } from '../../oci/name.ts'
import { hasCode } from '../../runtime/error-code.ts'
import { type CredentialSource, fixedCredentials } from '../../upstream/credentials.ts'
import { PushTarget } from '../../upstream/push-target.ts'
import { Upstream } from '../../upstream/upstream.ts'
import { DOCKER_HUB } from '../image-name.ts'
import { dockerCredentials } from './docker-credentials.ts'

export interface RegistryOptions {
  /** The registry that is meant, which `login`, `authority` and `plainHttp` are about. */
  readonly registry: string
  /** In the place of what logins have left. */
  readonly login: { readonly user: string; readonly password: string } | undefined
  /** The authorities to trust beside those of the system, as PEM. */
  readonly authority: string | undefined
  readonly plainHttp: boolean
  /** What `docker login` and `podman login` write. */
  readonly credentialFiles: readonly string[]
  /** As `/etc/docker/certs.d`: a folder for each registry, with the authorities of its certificate. */
  readonly certificateFolder: string
}

/** Where a registry is, and how it is reached. */
export interface RegistryAccess {
  readonly url: URL
  readonly credentials: CredentialSource
  readonly way: { readonly authorities: string | undefined }
}

/** Other registries, each with what this user has for it. */
export class Registries {
  readonly #options: RegistryOptions

  constructor(options: RegistryOptions) {
    this.#options = options
  }

  async puller(registry: string): Promise<Upstream> {
    return new Upstream(await this.access(registry))
  }

  /** `mountedFrom`: repositories of the registry that blobs may be mounted from. */
  async target(registry: string, mountedFrom: readonly RepositoryName[]): Promise<PushTarget> {
    return new PushTarget({ ...(await this.access(registry)), mountedFrom })
  }

  async access(registry: string): Promise<RegistryAccess> {
    const { login, credentialFiles } = this.#options
    const authority = await this.#authority(registry)
    const url = await this.#url(registry, authority)
    const way = { authorities: authority === undefined ? undefined : [...getCACertificates('default'), authority].join('\n') }
    if (login !== undefined && registry === this.#options.registry)
      return { url, way, credentials: fixedCredentials(login.user, login.password) }
    return { url, way, credentials: await dockerCredentials(registry, url, credentialFiles) }
  }

  async #url(registry: string, authority: string | undefined): Promise<URL> {
    if (registry === DOCKER_HUB) return new URL('https://registry-1.docker.io')
    const secure = new URL(`https://${registry}`)
    const plain = new URL(`http://${registry}`)
    if (this.#options.plainHttp && registry === this.#options.registry) return plain
    return authority === undefined && isLoopback(plain.hostname) && !(await speaksTls(secure)) ? plain : secure
  }

  /** As Docker finds it: every file `*.crt` in the folder of the registry. */
  async #authority(registry: string): Promise<string | undefined> {
    const { authority, certificateFolder } = this.#options
    if (authority !== undefined && registry === this.#options.registry) return authority
    const folder = join(certificateFolder, registry)
    const names = await readdir(folder).catch((error: unknown) => {
      if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR') || hasCode(error, 'EACCES')) return []
      throw error
    })
    const found = names.filter((name) => name.endsWith('.crt')).sort()
    const texts = await Promise.all(found.map((name) => readFile(join(folder, name), 'utf8')))
    return texts.length === 0 ? undefined : texts.join('\n')
  }
}

/** Docker speaks plain HTTP to registries of this machine where they do not speak TLS. */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)
}

const PROBE_MS = 5_000

/** Whether there is TLS at all: a certificate that is not trusted counts, so that nothing goes there in the clear. */
async function speaksTls(url: URL): Promise<boolean> {
  try {
    const tls = { rejectUnauthorized: false }
    await fetch(new URL('/v2/', url), { tls, redirect: 'manual', signal: AbortSignal.timeout(PROBE_MS) }).then((answer) =>
      answer.body?.cancel(),
    )
    return true
  } catch {
    return false
  }
}
