import { ensureCertificate, pathsIn } from '../../src/certificates/certificate-folder.ts'
import { factsOf } from '../../src/certificates/server-certificate.ts'
import { BERTH_PROGRAM } from './berth-program.ts'
import { DOCKER_PROGRAMS, DockerDaemon } from './docker-daemon.ts'
import { MACHINE_PROGRAMS, PrivateMachine } from './private-machine.ts'
import { type Environment, type Outcome, startUntil } from './processes.ts'
import { TemporaryFolder } from './temporary-folder.ts'

const START_MS = 120_000
const ADDRESS = '10.63.0.91'

export const LAB_PROGRAMS = [...DOCKER_PROGRAMS, ...MACHINE_PROGRAMS]

/** A machine with a Docker daemon, and two registries that it is to be told about. */
export class ClientLab implements AsyncDisposable {
  /** With TLS, by an authority that nobody knows. */
  readonly registry = 'registry.example.com:5000'
  /** Without. */
  readonly plain = 'plain.example.com:5001'
  readonly folder: TemporaryFolder
  readonly machine: PrivateMachine
  readonly daemon: DockerDaemon
  /** The file with the authority's certificate. */
  readonly authority: string
  readonly fingerprint: string
  readonly #resources: AsyncDisposableStack

  private constructor(
    resources: AsyncDisposableStack,
    parts: Pick<ClientLab, 'folder' | 'machine' | 'daemon' | 'authority' | 'fingerprint'>,
  ) {
    this.#resources = resources
    this.folder = parts.folder
    this.machine = parts.machine
    this.daemon = parts.daemon
    this.authority = parts.authority
    this.fingerprint = parts.fingerprint
  }

  static async start(): Promise<ClientLab> {
    await using resources = new AsyncDisposableStack()
    const folder = resources.use(new TemporaryFolder())
    const hosts = [`${ADDRESS} registry.example.com plain.example.com`]
    const machine = resources.use(await PrivateMachine.start(folder, { addresses: [ADDRESS], hosts }))
    const { certificate } = await ensureCertificate({ folder: folder.join('certs'), hosts: ['registry.example.com'] })
    const { authority, certificate: path, key } = pathsIn(folder.join('certs'))
    const tls = { REGISTRY_HTTP_TLS_CERTIFICATE: path, REGISTRY_HTTP_TLS_KEY: key }
    resources.use(await startRegistry(machine, folder.join('data'), { ...tls, REGISTRY_HTTP_ADDR: `${ADDRESS}:5000` }))
    resources.use(await startRegistry(machine, folder.join('plain'), { REGISTRY_HTTP_ADDR: `${ADDRESS}:5001` }))
    const daemon = resources.use(await DockerDaemon.start(folder, { inside: machine.words }))
    await daemon.importBaseImage(folder, 'base')
    const { fingerprint } = factsOf(certificate.authority ?? '')
    return new ClientLab(resources.move(), { folder, machine, daemon, authority, fingerprint })
  }

  /** `berth client setup …`, there. */
  async setup(...words: readonly string[]): Promise<Outcome> {
    return await this.machine.tryRun([BERTH_PROGRAM, 'client', 'setup', ...words])
  }

  /** `ctr …` with the daemon's containerd and the folder that the set-up writes to. */
  async ctr(command: 'pull' | 'push', image: string): Promise<Outcome> {
    const where = ['ctr', '--address', this.daemon.containerdSocket, '--namespace', 'lab', 'images', command]
    const snapshotter = command === 'pull' ? ['--snapshotter', 'native'] : []
    return await this.machine.tryRun([...where, '--hosts-dir', '/etc/containerd/certs.d', ...snapshotter, image])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync()
  }
}

async function startRegistry(machine: PrivateMachine, rootDirectory: string, variables: Environment) {
  const environment = { ...machine.environment, ...variables, REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: rootDirectory }
  const { program } = await startUntil(/msg="listening"/, START_MS, [...machine.words, BERTH_PROGRAM, 'serve'], { environment })
  return program
}
