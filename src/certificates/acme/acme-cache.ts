import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { hasCode } from '../../runtime/error-code.ts'
import { CertificateError } from '../certificate-error.ts'
import type { CertificateStore } from '../certificate-store.ts'
import { loadIssue } from '../load-issue.ts'
import { factsOf, readServerCertificate, type ServerCertificate } from '../server-certificate.ts'
import type { NamedCertificate } from '../tls-material.ts'
import { writeWhole } from '../written-file.ts'

/**
 * A folder as registry:3 (golang.org/x/crypto/acme/autocert) keeps it, so that both may use it one after the other: for each host a file
 * with the key and then the certificates, the key of the account, and while an order runs a file for each answer.
 */
export class AcmeCache {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  pathOf(host: string): string {
    return join(this.#folder, host)
  }

  /** Undefined when there is none. Throws CertificateError when what is there cannot be used. */
  async findCertificate(host: string): Promise<ServerCertificate | undefined> {
    if ((await this.#read(host)) === undefined) return undefined
    return await readServerCertificate(this.pathOf(host), this.pathOf(host))
  }

  async putCertificate(host: string, key: string, chain: string): Promise<void> {
    await writeWhole(this.pathOf(host), `${key.trimEnd()}\n${chain}`, 'secret')
  }

  async findAccountKey(): Promise<string | undefined> {
    return await this.#read('acme_account+key')
  }

  async putAccountKey(key: string): Promise<void> {
    await writeWhole(join(this.#folder, 'acme_account+key'), key, 'secret')
  }

  /** What is answered to the question with this token, whichever process is asked. */
  async findAnswer(token: string): Promise<string | undefined> {
    return await this.#read(`${token}+http-01`)
  }

  async putAnswer(token: string, answer: string): Promise<void> {
    await writeWhole(join(this.#folder, `${token}+http-01`), answer, 'secret')
  }

  async removeAnswer(token: string): Promise<void> {
    await rm(join(this.#folder, `${token}+http-01`), { force: true })
  }

  async #read(name: string): Promise<string | undefined> {
    try {
      return await readFile(join(this.#folder, name), 'utf8')
    } catch (cause) {
      if (hasCode(cause, 'ENOENT')) return undefined
      throw new CertificateError(`${join(this.#folder, name)} cannot be read: ${(cause as Error).message}.`, { cause })
    }
  }
}

/** The certificates of the folder. A host whose order has not ended yet gets an untrusted one, so that the server can begin. */
export function orderedCertificates(cache: AcmeCache, hosts: readonly string[]): CertificateStore {
  const stopgaps = new Map<string, ServerCertificate>()
  const certificateFor = async (host: string): Promise<NamedCertificate> => {
    const found = (await cache.findCertificate(host)) ?? stopgaps.get(host)
    if (found !== undefined) return { ...found, authority: undefined, host }
    const stopgap = await makeStopgap(host)
    stopgaps.set(host, stopgap)
    return { ...stopgap, host }
  }
  return {
    paths: hosts.map((host) => cache.pathOf(host)),
    prepare: async () => undefined,
    read: async () => await Promise.all(hosts.map(certificateFor)),
  }
}

async function makeStopgap(host: string): Promise<ServerCertificate> {
  const { createAuthority, issueServerCertificate } = await loadIssue()
  const { certificate, key } = await issueServerCertificate(await createAuthority('Berth, waiting for a certificate'), {
    hosts: [host],
  })
  return { chain: certificate, key, authority: undefined, facts: factsOf(certificate) }
}
