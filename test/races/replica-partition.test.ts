import { expect, setDefaultTimeout, test } from 'bun:test'
import { startBerth } from '../support/berth-process.ts'
import { HURRIED_BERTH } from '../support/berth-program.ts'
import { DistantMachine } from '../support/distant-machine.ts'
import { type Image, makeImage } from '../support/images.ts'
import { describeOnStores } from '../support/object-store.ts'
import { describeOnOwnPostgres } from '../support/postgres-suite.ts'
import { MACHINE_PROGRAMS } from '../support/private-machine.ts'
import { poll } from '../support/processes.ts'
import { push } from '../support/pushing-clients.ts'
import { expectStatus, pushImage, RegistryClient } from '../support/registry-client.ts'
import { metadataSection, Replicas } from '../support/replicas.ts'
import { describeWith } from '../support/requirements.ts'
import type { S3Place } from '../support/s3-client.ts'
import { filesInBucket } from '../support/stored-files.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(300_000)
const SOON_MS = 90_000
/** What a replica that is taken for dead may begin still, and until a request that it has sent is refused: then the others have settled it. */
const SETTLED_MS = 12_000
/** More than the time in which a replica may begin something after its last proof of life. */
const LOOKED_AT_MS = 7_000
/** Locks by which processes are alive. */
const LIVING = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted"

describeWith({ programs: [...MACHINE_PROGRAMS, 'ip', 'iptables'], root: true }, 'two replicas', () => {
  describeOnOwnPostgres('over PostgreSQL', (server) => {
    describeOnStores('and a bucket', (store) => {
      test('on two sides of a cut: the one without PostgreSQL changes nothing in the bucket, answers pulls, and goes on after it', async () => {
        const bucket = await store().newBucket()
        await using resources = new AsyncDisposableStack()
        const replicas = resources.use(await Replicas.start(1, { bucket, server: server() }))
        const folder = resources.use(new TemporaryFolder())
        const there = resources.use(await DistantMachine.start(folder))
        const link = resources.use(await TcpProxy.start(server().port, { host: there.near }))
        const storage = resources.use(await TcpProxy.start(Number(new URL(bucket.endpoint).port), { host: there.near }))
        const berth = resources.use(
          await startBerth({
            ...{ folder, berth: HURRIED_BERTH, before: there.machine.words, expectsFaults: true },
            dataDirectory: { ...bucket, endpoint: `http://${there.near}:${storage.port}` },
            moreConfig: metadataSection(replicas.tables, link.port, there.near),
            adapt: (config) => config.replace('addr: 127.0.0.1:0', `addr: ${there.far}:0`),
          }),
        )
        const [here, far] = [replicas.client, new RegistryClient(berth.url)]
        const [image, other] = [makeImage('image'), makeImage('other')]
        await pushImage(far, 'app', image, 'latest')
        await pushImage(here, 'app', image, 'deleted')

        await there.wallOff(link.port)
        const ending = new AbortController()
        const writing = writeOn(far, ending.signal)
        // What was acknowledged before the replica knew of it counts as anything else that is.
        await poll('a replica that knows', SOON_MS, async () =>
          berth.program.output.includes('only pulls are answered until it can') ? true : undefined,
        )
        await poll('its end for the server', SOON_MS, async () => ((await server().ask(LIVING)).length === 1 ? true : undefined))
        await Bun.sleep(SETTLED_MS)
        await pushImage(here, 'app', other, 'latest')
        await expectStatus(await here.deleteManifest('app', 'deleted'), 202)
        const before = await contentOf(bucket)
        const answers = await refusedBy(far, image)
        await Bun.sleep(LOOKED_AT_MS)
        expect(await contentOf(bucket)).toEqual(before)
        expect(answers).toEqual(Array(4).fill([503, '5']))
        expect(await (await expectStatus(await far.getManifest('app', 'latest'), 200)).bytes()).toEqual(other.manifest.bytes)
        expect((await far.getManifest('app', 'deleted')).status).toBe(404)

        ending.abort()
        const acknowledged = await writing
        await there.open(link.port)
        await poll('a replica that joined anew', SOON_MS, async () => {
          const ready = (await (await far.request('GET', '/readyz')).json()) as { away?: true }
          return ready.away === undefined ? true : undefined
        })
        await pushImage(far, 'app', image, 'again')
        for (const tag of acknowledged) await expectStatus(await here.getManifest('beside', tag), 200)
        const tags = await expectStatus(await far.request('GET', '/v2/app/tags/list'), 200)
        expect(await tags.json()).toEqual({ name: 'app', tags: ['again', 'latest'] })
      })
    })
  })
})

/** A client that pushes one image after another to `beside`, whatever it is told. Gives the tags that were acknowledged. */
async function writeOn(client: RegistryClient, signal: AbortSignal): Promise<readonly string[]> {
  const acknowledged: string[] = []
  for (let round = 0; !signal.aborted; round += 1) {
    const tag = `v${round}`
    const told = await push(client, 'beside', tag, makeImage(tag, { layers: 1 })).catch(() => undefined)
    if (told?.status === 201) acknowledged.push(tag)
    // It is told to come again later.
    else await Bun.sleep(100)
  }
  return acknowledged
}

/** Status and Retry-After of whatever would change something. */
async function refusedBy(client: RegistryClient, image: Image): Promise<readonly (readonly [number, string | null])[]> {
  const answers = await Promise.all([
    client.request('POST', '/v2/app/blobs/uploads/'),
    client.putManifest('app', 'latest', image.manifest),
    client.deleteManifest('app', 'latest'),
    client.request('GET', '/v2/app/tags/list'),
  ])
  return answers.map(({ status, headers }) => [status, headers.get('retry-after')])
}

/** Each file with its size, and each link with what it says. */
async function contentOf(bucket: S3Place): Promise<Readonly<Record<string, string>>> {
  const { sizes, read } = await filesInBucket(bucket)
  const entries = [...sizes].map(async ([path, size]) => {
    const text = path.endsWith('/link') ? new TextDecoder().decode(await read(path)) : ''
    return [path, `${size} ${text}`] as const
  })
  return Object.fromEntries(await Promise.all(entries))
}
