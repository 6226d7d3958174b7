import { rmSync } from 'node:fs'
import { freePort } from './free-port.ts'
import { BackgroundProgram, environmentIn, poll } from './processes.ts'
import { S3Client, type S3Place, type S3Request } from './s3-client.ts'
import { TemporaryFolder } from './temporary-folder.ts'

/** Real servers of S3's protocol that `scripts/test-stores.sh` installs, by the name of the program. */
export const STORE_PROGRAMS = { seaweedfs: 'weed', versitygw: 'versitygw' } as const

export type StoreKind = keyof typeof STORE_PROGRAMS

const REGION = 'us-east-1'
const ACCESS_KEY = 'AKIATESTOFBERTH'
const SECRET_KEY = 'a-secret-of-the-tests'
/** SeaweedFS takes 3 to 9 s for its first bucket and the first object in it; each of them may take so long. */
const STEP_MS = 50_000
const MOST_TRIES = 3
const ANSWER_MS = 5_000

/** A server of S3's protocol. Its buckets hold what each test has put there, until the server ends. */
export class ObjectStore implements AsyncDisposable {
  readonly endpoint: string
  readonly #kind: StoreKind
  readonly #server: StoreServer | undefined

  private constructor(kind: StoreKind, endpoint: string, server?: StoreServer) {
    this.#kind = kind
    this.endpoint = endpoint
    this.#server = server
  }

  /**
   * The server that `scripts/test.ts` has started for all test files, or one of the caller's own. The caller disposes of it, which
   * ends only a server of its own.
   */
  static async start(kind: StoreKind): Promise<ObjectStore> {
    const shared = process.env[sharedEndpointVariable(kind)]
    if (shared !== undefined) return new ObjectStore(kind, shared)
    const server = await StoreServer.start(kind)
    return new ObjectStore(kind, server.endpoint, server)
  }

  /** An empty bucket for one test alone. */
  async newBucket(name = `bucket-${crypto.randomUUID()}`): Promise<S3Place> {
    const place = placeOf(this.endpoint, name)
    await storeAnswers(this.#kind, place, { method: 'PUT' })
    return place
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]()
  }
}

/** Where a test file finds the server that all files share. */
export function sharedEndpointVariable(kind: StoreKind): string {
  return `BERTH_TEST_${kind.toUpperCase()}`
}

/** The program, on a free port of this machine, with all that it keeps in a temporary folder. */
export class StoreServer implements AsyncDisposable {
  readonly endpoint: string
  readonly #program: BackgroundProgram
  readonly #folder: TemporaryFolder
  readonly #strayFiles: readonly string[]

  private constructor({ program, port, strayFiles }: Started, folder: TemporaryFolder) {
    this.endpoint = `http://127.0.0.1:${port}`
    this.#program = program
    this.#strayFiles = strayFiles
    this.#folder = folder
  }

  /** Again, on other ports, where another program was quicker to listen on one of them or the server does not come to serve. */
  static async start(kind: StoreKind): Promise<StoreServer> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await StoreServer.#startOnce(kind)
      } catch (error) {
        if (tries === MOST_TRIES) throw error
      }
    }
  }

  static async #startOnce(kind: StoreKind): Promise<StoreServer> {
    const folder = new TemporaryFolder()
    const started = kind === 'seaweedfs' ? await startSeaweedFS(folder) : await startVersityGateway(folder)
    const server = new StoreServer(started, folder)
    try {
      const first = placeOf(server.endpoint, 'first')
      const requests = [{ method: 'PUT' }, { method: 'PUT', key: 'first', body: 'object' }] as const
      for (const request of requests) await storeAnswers(kind, first, request, started.program)
      return server
    } catch (cause) {
      await server[Symbol.asyncDispose]()
      throw new Error(`${kind} does not serve:\n${started.program.output}`, { cause })
    }
  }

  /** At once: what it keeps goes away anyway, and SeaweedFS takes a quarter of a minute to end by itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.kill()
    for (const path of this.#strayFiles) rmSync(path, { force: true })
    this.#folder[Symbol.dispose]()
  }
}

export function placeOf(endpoint: string, bucket: string): S3Place {
  return { endpoint, region: REGION, accessKey: ACCESS_KEY, secretKey: SECRET_KEY, bucket }
}

/** Listening is not yet serving, neither for the server nor for a new bucket. */
async function storeAnswers(kind: StoreKind, place: S3Place, request: S3Request, program?: BackgroundProgram): Promise<void> {
  await poll(`${kind} takes a ${request.key ?? 'bucket'}`, STEP_MS, async () => {
    if (program?.running === false) throw new Error('it has ended by itself')
    const response = await new S3Client(place).send({ ...request, signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => undefined)
    await response?.bytes().catch(() => undefined)
    return response?.ok === true || undefined
  })
}

interface Started {
  readonly program: BackgroundProgram
  readonly port: number
  /** What it makes outside of its folder, whatever it is told, and leaves when it is killed. */
  readonly strayFiles: readonly string[]
}

async function startSeaweedFS(folder: TemporaryFolder): Promise<Started> {
  const roles = ['master', 'volume', 'filer', 's3']
  const ports = await Promise.all(roles.map(async (role) => ({ role, port: await freePort(), grpc: await freePort() })))
  const command = [
    ...[STORE_PROGRAMS.seaweedfs, '-logtostderr', 'server', `-dir=${await folder.directory('data')}`],
    ...['-ip=127.0.0.1', '-ip.bind=127.0.0.1', '-master.telemetry=false', '-master.volumeSizeLimitMB=256', '-volume.max=2000'],
    ...ports.flatMap(({ role, port, grpc }) => [`-${role}.port=${port}`, `-${role}.port.grpc=${grpc}`]),
    ...[`-filer.localSocket=${folder.join('filer.sock')}`, `-s3.localSocket=${folder.join('s3.sock')}`],
    ...['-s3', `-s3.config=${await folder.file('s3.json', seaweedIdentities())}`, '-s3.port.iceberg=0', '-s3.port.lance=0'],
  ]
  const environment = {
    ...environmentIn(folder.join('env')),
    WEED_MASTER_VOLUME_GROWTH_COPY_1: '1',
    WEED_S3_SSE_KEY: 'a key for objects that are asked to be encrypted',
  }
  return {
    program: new BackgroundProgram(command, { environment }),
    port: ports.find(({ role }) => role === 's3')?.port ?? 0,
    strayFiles: ports.map(({ role, grpc }) => `/tmp/seaweedfs-${role}-grpc-${grpc}.sock`),
  }
}

function seaweedIdentities(): string {
  const credentials = [{ accessKey: ACCESS_KEY, secretKey: SECRET_KEY }]
  return JSON.stringify({ identities: [{ name: 'berth', credentials, actions: ['Admin', 'Read', 'Write', 'List', 'Tagging'] }] })
}

async function startVersityGateway(folder: TemporaryFolder): Promise<Started> {
  const port = await freePort()
  const data = await folder.directory('data')
  const environment = {
    ...environmentIn(folder.join('env')),
    ROOT_ACCESS_KEY_ID: ACCESS_KEY,
    ROOT_SECRET_ACCESS_KEY: SECRET_KEY,
  }
  const command = [STORE_PROGRAMS.versitygw, '--port', `127.0.0.1:${port}`, '--keep-alive', '--quiet', 'posix', data]
  return { program: new BackgroundProgram(command, { environment }), port, strayFiles: [] }
}
