import { createAuthority, issueServerCertificate } from '../../src/certificates/issue.ts'
import type { CorpusConfig } from './config-corpus.ts'
import { TemporaryFolder } from './temporary-folder.ts'

export interface Ports {
  readonly port: number
  readonly debugPort: number
}

/** A folder with the files that the configurations of the corpus name, but for those that a registry makes itself. */
export class CorpusFolder implements Disposable {
  readonly #folder: TemporaryFolder

  private constructor(folder: TemporaryFolder) {
    this.#folder = folder
  }

  static async make(): Promise<CorpusFolder> {
    const folder = new TemporaryFolder()
    const { authority, server } = await certificates()
    await folder.file('certs/registry.crt', `${server.certificate}${authority.certificate}`)
    await folder.file('certs/registry.key', server.key)
    await folder.file('certs/auth.pem', authority.certificate)
    return new CorpusFolder(folder)
  }

  get path(): string {
    return this.#folder.path
  }

  /** The file and the variables of a configuration, for this folder and these ports. */
  async write({ text, variables = {} }: CorpusConfig, { port, debugPort }: Ports) {
    const words: Readonly<Record<string, string>> = { ROOT: this.path, PORT: `${port}`, DEBUG: `${debugPort}` }
    const fill = (written: string) => written.replace(/\b(ROOT|PORT|DEBUG)\b/g, (word) => words[word] ?? word)
    const path = await this.#folder.file('config.yml', fill(text))
    const environment = Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, fill(value ?? '')]))
    return { path, environment }
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]()
  }
}

let made: ReturnType<typeof makeCertificates> | undefined

/** Made once: each key takes a while. */
function certificates(): ReturnType<typeof makeCertificates> {
  made ??= makeCertificates()
  return made
}

async function makeCertificates() {
  const authority = await createAuthority('corpus')
  return { authority, server: await issueServerCertificate(authority, { hosts: ['registry.example.com', '127.0.0.1'] }) }
}
