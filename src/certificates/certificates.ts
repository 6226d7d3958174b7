import type { TlsConfig } from '../config/tls-config.ts'
import type { Log } from '../observe/log.ts'
import { CertificateError } from './certificate-error.ts'
import type { CertificateStore } from './certificate-store.ts'
import { repeat, stateOf } from './file-watch.ts'
import { type NamedCertificate, readClients, type TlsMaterial } from './tls-material.ts'

const DAY_MS = 86_400_000
/** A certificate that is renewed by a timer has been replaced long before. */
const WARN_BEFORE_MS = 14 * DAY_MS

export interface CertificatesOptions {
  readonly tls: TlsConfig
  readonly store: CertificateStore
  readonly log: Log
  readonly onShown: OnShown
}

/** Is told what is shown from now on. */
export type OnShown = (certificates: readonly NamedCertificate[]) => void

/** What a server shows, read from files and read again when they change. */
export class Certificates {
  readonly #tls: TlsConfig
  readonly #store: CertificateStore
  readonly #log: Log
  readonly #onShown: OnShown
  #current: TlsMaterial
  #state: string
  #warnedAt = 0
  #watch: { stop(): Promise<void> } | undefined

  private constructor({ tls, store, log, onShown }: CertificatesOptions, current: TlsMaterial, state: string) {
    this.#tls = tls
    this.#store = store
    this.#log = log
    this.#onShown = onShown
    this.#current = current
    this.#state = state
  }

  /** Throws CertificateError. */
  static async open(options: CertificatesOptions): Promise<Certificates> {
    const { tls, store } = options
    await store.prepare()
    const state = await stateOf(pathsOf(tls, store))
    const certificates = new Certificates(options, await read(tls, store), state)
    certificates.#tell('certificate loaded')
    return certificates
  }

  get current(): TlsMaterial {
    return this.#current
  }

  /** The certificate of the private authority, for clients that are to trust it. */
  get authority(): string | undefined {
    return this.#current.certificates[0]?.authority
  }

  /** Calls `renew` with what to show from now on. When it throws, it is called again. */
  watch(renew: (material: TlsMaterial) => Promise<void>): void {
    this.#watch = repeat(() => this.#look(renew))
  }

  async stop(): Promise<void> {
    await this.#watch?.stop()
  }

  async #look(renew: (material: TlsMaterial) => Promise<void>): Promise<void> {
    try {
      await this.#store.prepare()
      const state = await stateOf(pathsOf(this.#tls, this.#store))
      if (state !== this.#state) await this.#renew(state, renew)
    } catch (error) {
      this.#log.error('certificate was not renewed', { error })
    }
    this.#warn()
  }

  /** Files are written one after the other: what does not fit together yet is looked at again when it has changed once more. */
  async #renew(state: string, renew: (material: TlsMaterial) => Promise<void>): Promise<void> {
    try {
      const material = await read(this.#tls, this.#store)
      await renew(material)
      this.#current = material
      this.#state = state
      this.#tell('certificate renewed')
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error
      this.#state = state
      this.#log.warn('certificate files have changed and cannot be used, the old certificate stays', { reason: error.message })
    }
  }

  #tell(message: string): void {
    this.#onShown(this.#current.certificates)
    for (const { facts } of this.#current.certificates) {
      const { names, expiresAt, fingerprint } = facts
      this.#log.info(message, { names: names.join(' '), expires: expiresAt.toISOString(), fingerprint })
      if (names.length === 0) {
        this.#log.warn('certificate has no subject alternative names, clients refuse it', { fingerprint })
      }
    }
    this.#warn()
  }

  #warn(): void {
    const now = Date.now()
    if (now - this.#warnedAt < DAY_MS) return
    for (const { facts } of this.#current.certificates) {
      if (facts.expiresAt.getTime() - now > WARN_BEFORE_MS) continue
      const expired = facts.expiresAt.getTime() <= now
      this.#warnedAt = now
      const message = expired ? 'certificate has expired, clients refuse it' : 'certificate expires soon'
      this.#log.warn(message, { names: facts.names.join(' '), expires: facts.expiresAt.toISOString() })
    }
  }
}

function pathsOf({ clients }: TlsConfig, store: CertificateStore): readonly string[] {
  return [...store.paths, ...(clients.kind === 'verified' ? clients.authorities : [])]
}

async function read(tls: TlsConfig, store: CertificateStore): Promise<TlsMaterial> {
  const [certificates, clients] = await Promise.all([store.read(), readClients(tls.clients)])
  return { certificates, clients, minimumVersion: tls.minimumVersion, cipherSuites: tls.cipherSuites }
}
