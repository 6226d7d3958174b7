import { stringify } from 'yaml'
import { ensureCertificate, pathsIn } from '../../src/certificates/certificate-folder.ts'
import { startBerth } from './berth-process.ts'
import { BERTH_PROGRAM } from './berth-program.ts'
import { DOCKER_PROGRAMS, DockerDaemon } from './docker-daemon.ts'
import { blobsOf, type Image } from './images.ts'
import { PEER_PROGRAM, startPeer } from './peer.ts'
import { MACHINE_PROGRAMS, PrivateMachine } from './private-machine.ts'
import type { Outcome } from './processes.ts'
import { expectStatus, RegistryClient } from './registry-client.ts'
import type { RegistryProcess } from './registry-process.ts'
import { TemporaryFolder } from './temporary-folder.ts'

export const MIRROR_LAB_PROGRAMS = [...DOCKER_PROGRAMS, ...MACHINE_PROGRAMS, PEER_PROGRAM, 'skopeo', 'podman', 'curl', 'jq']

const ADDRESS = '10.63.0.92'
const HTPASSWD = `reader:${Bun.password.hashSync('secret', { algorithm: 'bcrypt', cost: 5 })}\n`

/** A repository and the image that it has with the tag latest. */
export type Held = readonly [repository: string, image: Image]

interface Parts {
  readonly folder: TemporaryFolder
  readonly machine: PrivateMachine
  readonly upstreams: readonly RegistryProcess[]
}

/**
 * A machine that reaches no other one, with a registry of TLS that mirrors two others: a registry:2 in the place of Docker Hub, which is the default, and
 * a Berth that asks for a password. Its clients were told by `berth client setup`.
 */
export class MirrorLab implements AsyncDisposable {
  static readonly registry = 'registry.example.com:5000'
  readonly folder: TemporaryFolder
  readonly machine: PrivateMachine
  readonly daemon: DockerDaemon
  readonly #upstreams: readonly RegistryProcess[]
  readonly #resources: AsyncDisposableStack

  private constructor(resources: AsyncDisposableStack, { folder, machine, upstreams }: Parts, daemon: DockerDaemon) {
    this.folder = folder
    this.machine = machine
    this.daemon = daemon
    this.#upstreams = upstreams
    this.#resources = resources
  }

  static async start(holding: Readonly<Record<'hub' | 'quay', Held>>): Promise<MirrorLab> {
    await using resources = new AsyncDisposableStack()
    const folder = resources.use(new TemporaryFolder())
    for (const name of ['hub', 'quay'] as const) await fill(folder, folder.join(name), holding[name])
    const hosts = [`${ADDRESS} registry.example.com`]
    const machine = resources.use(await PrivateMachine.start(folder, { addresses: [ADDRESS], hosts }))
    const upstreams = await startUpstreams(folder, machine)
    for (const upstream of upstreams) resources.use(upstream)
    resources.use(await startMirror(folder, machine, upstreams))
    await machine.run('mkdir', '-p', '/etc/containerd')
    const done = await setUp({ folder, machine }, ['docker', 'containerd', 'podman'])
    if (done.exitCode !== 0) throw new Error(`berth client setup: ${done.stderr}`)
    const daemon = resources.use(await DockerDaemon.start(folder, { inside: machine.words }))
    return new MirrorLab(resources.move(), { folder, machine, upstreams }, daemon)
  }

  /** `berth client setup … --apply` for some clients. */
  async setUp(...clients: readonly string[]): Promise<Outcome> {
    return await setUp(this, clients)
  }

  /** `ctr …` with the daemon's containerd; it must succeed. */
  async ctr(...words: readonly string[]): Promise<string> {
    return await this.machine.run('ctr', '--address', this.daemon.containerdSocket, '--namespace', 'lab', ...words)
  }

  /** What the registry answers. */
  async get(path: string): Promise<string> {
    const { authority } = pathsIn(this.folder.join('certs'))
    return await this.machine.run('curl', '-sS', '--fail', '--cacert', authority, `https://${MirrorLab.registry}${path}`)
  }

  async stopUpstreams(): Promise<void> {
    for (const upstream of this.#upstreams) await upstream.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync()
  }
}

/** From outside of the machine, which has a network of its own. */
async function fill(folder: TemporaryFolder, dataDirectory: string, [repository, image]: Held): Promise<void> {
  await using registry = await startPeer({ folder, dataDirectory })
  const client = new RegistryClient(registry.url)
  for (const blob of blobsOf(image)) await client.pushBlob(repository, blob)
  await expectStatus(await client.putManifest(repository, 'latest', image.manifest), 201)
}

async function startUpstreams(folder: TemporaryFolder, { words: before }: PrivateMachine): Promise<readonly RegistryProcess[]> {
  const path = await folder.file('htpasswd', HTPASSWD)
  const moreConfig = `auth: {htpasswd: {realm: r, path: ${path}}}\n`
  return [
    await startPeer({ folder, dataDirectory: folder.join('hub'), before }),
    await startBerth({ folder, dataDirectory: folder.join('quay'), moreConfig, before }),
  ]
}

async function startMirror(
  folder: TemporaryFolder,
  { words: before }: PrivateMachine,
  upstreams: readonly RegistryProcess[],
): Promise<RegistryProcess> {
  const [hub, quay] = upstreams.map(({ port }) => `http://127.0.0.1:${port}`)
  await ensureCertificate({ folder: folder.join('certs'), hosts: ['registry.example.com'] })
  const { certificate, key } = pathsIn(folder.join('certs'))
  const config = stringify({
    version: '0.1',
    storage: { filesystem: { rootdirectory: folder.join('data') } },
    http: { addr: `${ADDRESS}:5000`, tls: { certificate, key } },
    mirrors: [
      { prefix: 'docker.io', url: hub, default: true },
      { prefix: 'quay', url: quay, username: 'reader', password: 'secret', public: true },
    ],
  })
  return await startBerth({ folder, config, before, expectsFaults: true })
}

async function setUp({ folder, machine }: Pick<Parts, 'folder' | 'machine'>, clients: readonly string[]): Promise<Outcome> {
  const { authority } = pathsIn(folder.join('certs'))
  const mirrors = ['--mirror-of', 'docker.io', '--mirror-of', 'quay.example.com=quay']
  const named = clients.flatMap((client) => ['--client', client])
  const words = ['client', 'setup', MirrorLab.registry, '--apply', '--ca', authority, ...mirrors, ...named]
  return await machine.tryRun([BERTH_PROGRAM, ...words])
}
