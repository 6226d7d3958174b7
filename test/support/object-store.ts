import { afterAll, beforeAll } from 'bun:test'
import { rmSync } from 'node:fs'
import { freePort } from './free-port.ts'
import { BackgroundProgram, environmentIn, poll } from './processes.ts'
import { describeWith } from './requirements.ts'
import { S3Client, type S3Place, type S3Request } from './s3-client.ts'
import { TemporaryFolder } from './temporary-folder.ts'

/** Real servers of S3's protocol that `scripts/test-stores.sh` installs, by the name of the program. */
export const STORE_PROGRAMS = { seaweedfs: 'weed', versitygw: 'versitygw' } as const

export type StoreKind = keyof typeof STORE_PROGRAMS

const REGION = 'us-east-1'
const ACCESS_KEY = 'AKIATESTOFBERTH'
const SECRET_KEY = 'a-secret-of-the-tests'
/** SeaweedFS takes 3 to 9 s for its first bucket and the first object in it; each of them may take so long. */
const STEP_MS = 25_000
const MOST_TRIES = 3
const ANSWER_MS = 5_000
/** How long a start takes at most: what waits for one waits so long. */
export const STORE_START_MS = 150_000

/**
 * A suite that runs on each kind of store, each started once, ended with the last test, and told apart in the title. Where one is
 * missing, its suite is a visible skip, and on a build machine a failure.
 */
export function describeOnStores(
  title: string,
  body: (store: () => ObjectStore, kind: StoreKind) => void,
  kinds: readonly StoreKind[] = ['seaweedfs', 'versitygw'],
): void {
  for (const kind of kinds) {
    describeWith({ programs: [STORE_PROGRAMS[kind]] }, `${title}, on ${kind}`, () => {
      let store: ObjectStore | undefined
      beforeAll(async () => {
        store = await ObjectStore.start(kind)
      }, STORE_START_MS)
      body(() => {
        if (store === undefined) throw new Error('the store has not been started')
        return store
      }, kind)
      // After what the suite itself ends.
      afterAll(async () => await store?.[Symbol.asyncDispose]())
    })
  }
}

/** A server of S3's protocol on a free port of this machine, with all that it keeps in a temporary folder. */
export class ObjectStore implements AsyncDisposable {
  readonly kind: StoreKind
  readonly endpoint: string
  readonly program: BackgroundProgram
  readonly #folder: TemporaryFolder
  readonly #strayFiles: readonly string[]
  #buckets = 0

  private constructor(kind: StoreKind, { program, port, strayFiles }: Started, folder: TemporaryFolder) {
    this.kind = kind
    this.endpoint = `http://127.0.0.1:${port}`
    this.program = program
    this.#strayFiles = strayFiles
    this.#folder = folder
  }

  /** Again, on other ports, where somebody else was quicker to listen on one of them or it does not come to serve. */
  static async start(kind: StoreKind): Promise<ObjectStore> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await ObjectStore.#startOnce(kind)
      } catch (error) {
        if (tries === MOST_TRIES) throw error
      }
    }
  }

  static async #startOnce(kind: StoreKind): Promise<ObjectStore> {
    const folder = new TemporaryFolder()
    const started = kind === 'seaweedfs' ? await startSeaweedFS(folder) : await startVersityGateway(folder)
    const store = new ObjectStore(kind, started, folder)
    try {
      const place = await store.newBucket()
      await store.#answers({ method: 'PUT', key: 'first', body: 'object' }, place)
      return store
    } catch (cause) {
      await store[Symbol.asyncDispose]()
      throw new Error(`${kind} does not serve:\n${store.program.output}`, { cause })
    }
  }

  /** An empty bucket that nobody else uses. */
  async newBucket(): Promise<S3Place> {
    this.#buckets += 1
    const bucket = `bucket-${this.#buckets}`
    const place = { endpoint: this.endpoint, region: REGION, accessKey: ACCESS_KEY, secretKey: SECRET_KEY, bucket }
    await this.#answers({ method: 'PUT' }, place)
    return place
  }

  /** At once: what it keeps goes away anyway, and SeaweedFS takes a quarter of a minute to end by itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.program.kill()
    for (const path of this.#strayFiles) rmSync(path, { force: true })
    this.#folder[Symbol.dispose]()
  }

  /** Listening is not yet serving, neither for the server nor for a new bucket. */
  async #answers(request: S3Request, place: S3Place): Promise<void> {
    await poll(`${this.kind} takes a ${request.key ?? 'bucket'}`, STEP_MS, async () => {
      if (!this.program.running) throw new Error('it has ended by itself')
      const response = await new S3Client(place)
        .send({ ...request, signal: AbortSignal.timeout(ANSWER_MS) })
        .catch(() => undefined)
      await response?.bytes().catch(() => undefined)
      return response?.ok === true || undefined
    })
  }
}

/** The section `storage` of a config.yml that registry:2, registry:3 and Berth read alike. `more` is added to the driver's keys. */
export function s3Section({ endpoint, region, accessKey, secretKey, bucket }: S3Place, more = ''): string {
  return `  s3:
    accesskey: ${accessKey}
    secretkey: ${secretKey}
    region: ${region}
    regionendpoint: ${endpoint}
    forcepathstyle: true
    bucket: ${bucket}
    secure: false
${more}`
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
