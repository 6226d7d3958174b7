import { ensureCertificate, pathsIn } from '../../src/certificates/certificate-folder.ts'
import { BERTH_PROGRAM } from './berth-program.ts'
import { PrivateMachine } from './private-machine.ts'
import { type Environment, type Outcome, startUntil } from './processes.ts'
import { TemporaryFolder } from './temporary-folder.ts'

const START_MS = 120_000
const ADDRESS = '10.63.0.92'

/** The names that clients use; all of them lead to the one machine. */
export const LAB_HOSTS = ['registry.example.com', 'docker.example.com']

/** A machine with Berth on 127.0.0.1:5000, by plain HTTP, and a certificate for whatever proxy is put in front of it. */
export class ProxyLab implements AsyncDisposable {
  readonly folder: TemporaryFolder
  readonly machine: PrivateMachine
  readonly certificates = { authority: '', certificate: '', key: '' }
  readonly #resources: AsyncDisposableStack

  private constructor(resources: AsyncDisposableStack, folder: TemporaryFolder, machine: PrivateMachine) {
    this.#resources = resources
    this.folder = folder
    this.machine = machine
    this.certificates = pathsIn(folder.join('certs'))
  }

  /** `variables`: more settings of the registry. */
  static async start(variables: (folder: TemporaryFolder) => Promise<Environment> = async () => ({})): Promise<ProxyLab> {
    await using resources = new AsyncDisposableStack()
    const folder = resources.use(new TemporaryFolder())
    const hosts = [`${ADDRESS} ${LAB_HOSTS.join(' ')}`]
    const machine = resources.use(await PrivateMachine.start(folder, { addresses: [ADDRESS], hosts }))
    await ensureCertificate({ folder: folder.join('certs'), hosts: LAB_HOSTS })
    const environment = {
      ...machine.environment,
      REGISTRY_HTTP_ADDR: '127.0.0.1:5000',
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: folder.join('data'),
      ...(await variables(folder)),
    }
    const command = [...machine.words, BERTH_PROGRAM, 'serve']
    resources.use((await startUntil(/msg="listening"/, START_MS, command, { environment })).program)
    return new ProxyLab(resources.move(), folder, machine)
  }

  /** What `berth proxy-config` prints, for the certificate of this lab unless the words say otherwise. */
  async proxyConfig(proxy: string, ...words: readonly string[]): Promise<string> {
    const { certificate, key } = this.certificates
    const site = ['--host', 'registry.example.com', '--certificate', certificate, '--key', key]
    return await this.machine.run(BERTH_PROGRAM, 'proxy-config', proxy, ...site, ...words)
  }

  /** `berth doctor …`, with the authority of this lab. */
  async doctor(url: string, ...words: readonly string[]): Promise<Outcome> {
    return await this.machine.tryRun([BERTH_PROGRAM, 'doctor', url, '--ca', this.certificates.authority, ...words])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync()
  }
}
