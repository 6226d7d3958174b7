import { expect, setDefaultTimeout, test } from 'bun:test'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { blobsOf, contentOf, fixedBytes, type Image, makeImage } from '../support/images.ts'
import { NginxBalancer } from '../support/nginx-balancer.ts'
import { describeOnStores } from '../support/object-store.ts'
import { describeOnOwnPostgres } from '../support/postgres-suite.ts'
import { environmentIn, poll, run } from '../support/processes.ts'
import { expectStatus, pushImage, type RegistryClient } from '../support/registry-client.ts'
import { Replicas, type StartBalancer } from '../support/replicas.ts'
import { describeWith } from '../support/requirements.ts'

setDefaultTimeout(600_000)
const SOON_MS = 60_000

/** As a client does it: by tag, by digest, then each blob. */
async function expectPulled(client: RegistryClient, repository: string, tag: string, image: Image): Promise<void> {
  for (const reference of [tag, image.manifest.digest]) {
    const manifest = await expectStatus(await client.getManifest(repository, reference), 200)
    expect(await manifest.bytes()).toEqual(image.manifest.bytes)
  }
  for (const { digest, bytes } of blobsOf(image))
    expect(await (await expectStatus(await client.getBlob(repository, digest), 200)).bytes()).toEqual(bytes)
}

describeWith({ programs: ['nginx'] }, 'replicas', () => {
  describeOnOwnPostgres('over PostgreSQL', (server) => {
    describeOnStores('and a bucket', (store) => {
      const start = async (count: number, balancer?: StartBalancer) =>
        await Replicas.start(count, { bucket: await store().newBucket(), server: server(), ...(balancer && { balancer }) })

      test('behind nginx take a push whose every request goes to another one, answer with what any of them was told, and go on without one', async () => {
        await using replicas = await start(3, NginxBalancer.start)
        const { client } = replicas
        const [image, other] = [makeImage('image'), makeImage('other')]
        const large = contentOf('application/octet-stream', fixedBytes(300_000))

        await pushImage(client, 'app', image, 'latest')
        let location = await client.startUpload('app')
        for (const end of [100_000, 200_000, 300_000])
          location = await client.appendUpload(location, large.bytes.slice(end - 100_000, end))
        await expectStatus(await client.closeUpload(location, large.digest), 201)
        expect(await client.mountBlob('second', large.digest, 'app')).toBe(201)
        await pushImage(client, 'app', other, 'v1')
        await expectStatus(await client.putManifest('app', 'latest', other.manifest), 201)
        await expectStatus(await client.deleteManifest('app', 'v1'), 202)

        for (const { client: each } of replicas.all) {
          await expectPulled(each, 'app', 'latest', other)
          await expectPulled(each, 'app', image.manifest.digest, image)
          expect(await (await expectStatus(await each.getBlob('second', large.digest), 200)).bytes()).toEqual(large.bytes)
          expect((await each.getManifest('app', 'v1')).status).toBe(404)
          const tags = await expectStatus(await each.request('GET', '/v2/app/tags/list'), 200)
          expect(await tags.json()).toEqual({ name: 'app', tags: ['latest'] })
          const catalog = await expectStatus(await each.request('GET', '/v2/_catalog'), 200)
          expect(await catalog.json()).toEqual({ repositories: ['app'] })
        }

        const [first] = replicas.all
        if (first !== undefined) await replicas.kill(first)

        await pushImage(client, 'app', image, 'v2')
        await expectPulled(client, 'app', 'v2', image)
        // Another one does what that one did for all.
        await poll('the duties of the others', SOON_MS, async () => {
          const ready = (await (await client.request('GET', '/readyz')).json()) as { duties: object }
          return Object.values(ready.duties).every((word) => word === 'held') ? true : undefined
        })
      })

      test('answer pulls while PostgreSQL is away, refuse all else with 503, and go on without a restart when it is back', async () => {
        await using replicas = await start(2)
        const [image, other] = [makeImage('image'), makeImage('other')]
        await pushImage(replicas.client, 'app', image, 'latest')
        const count = (of: RegExp) => replicas.all.map(({ berth }) => berth.program.output.match(of)?.length ?? 0)

        // One session alone: its process joins anew.
        const ended = await server().ask(
          `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted ORDER BY pid LIMIT 1`,
        )
        expect(ended).toHaveLength(1)
        await poll('one that joined anew', SOON_MS, async () => (count(/is there again/g).includes(1) ? true : undefined))
        expect(count(/only pulls are answered until it can/g).sort()).toEqual([0, 1])
        await pushImage(replicas.client, 'app', image, 'joined')

        await server().stop('SIGQUIT')
        await poll('both know', SOON_MS, async () =>
          count(/only pulls are answered until it can/g)
            .sort()
            .join() === '1,2'
            ? true
            : undefined,
        )
        for (const { client } of replicas.all) {
          await expectPulled(client, 'app', 'latest', image)
          expect((await client.getManifest('app', 'none')).status).toBe(404)
          const refused = await Promise.all([
            client.request('POST', '/v2/app/blobs/uploads/'),
            client.putManifest('app', 'v1', image.manifest),
            client.deleteManifest('app', 'latest'),
            client.request('GET', '/v2/app/tags/list'),
            client.request('GET', '/v2/_catalog'),
          ])
          for (const answer of refused) expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
          const ready = await client.request('GET', '/readyz')
          expect([ready.status, await ready.json()]).toEqual([200, expect.objectContaining({ ready: true, away: true })])
        }
        const [first] = replicas.all
        const environment = environmentIn(first?.folder.join('commands') ?? '')
        const checked = await run([BERTH_PROGRAM, 'storage', 'check', first?.berth.config ?? ''], { environment })
        expect(checked).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/FAILED +reach PostgreSQL: /) })
        const asked = await run([BERTH_PROGRAM, 'doctor', replicas.url], { environment })
        expect(asked.stdout).toContain('odd    metadata: the registry cannot use PostgreSQL')
        const late = await replicas.add()
        await expectPulled(late.client, 'app', 'latest', image)
        await server().resume()
        await replicas.allServe()

        for (const { client } of replicas.all) await expectPulled(client, 'app', 'latest', image)
        await pushImage(replicas.client, 'app', other, 'v1')
        for (const { client } of replicas.all) {
          await expectPulled(client, 'app', 'v1', other)
          const tags = await expectStatus(await client.request('GET', '/v2/app/tags/list'), 200)
          expect(await tags.json()).toEqual({ name: 'app', tags: ['joined', 'latest', 'v1'] })
        }
      })
    })
  })
})
