import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { blobsOf, makeImage } from '../support/images.ts'
import { describeOnStores } from '../support/object-store.ts'
import { describeOnOwnPostgres } from '../support/postgres-suite.ts'
import { expectStatus, pushImage, RegistryClient } from '../support/registry-client.ts'
import { Replicas } from '../support/replicas.ts'
import { S3Client } from '../support/s3-client.ts'
import { next } from '../support/store-faults.ts'
import { StoreProxy } from '../support/store-proxy.ts'

setDefaultTimeout(240_000)

const TAG = 'docker/registry/v2/repositories/app/_manifests/tags/latest/current/link'
/** Whose sessions tell that a process is alive. */
const LIVING = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
const [before, lost, kept] = [makeImage('before'), makeImage('lost'), makeImage('kept')]

describeOnOwnPostgres('a replica that is stopped in the middle of a push', (server) => {
  describeOnStores('on a bucket', (store) => {
    let proxy: StoreProxy

    beforeEach(async () => {
      proxy = await StoreProxy.start(store().endpoint)
    })
    afterEach(async () => await proxy[Symbol.asyncDispose]())

    test('changes no tag when it wakes up: another one has settled what it was doing, and has moved that tag', async () => {
      const bucket = await store().newBucket()
      await using replicas = await Replicas.start(1, { bucket: { ...bucket, endpoint: proxy.endpoint }, server: server() })
      const [first] = replicas.all
      const [session] = await server().ask<{ pid: number }>(LIVING)
      const second = await replicas.add()
      if (first === undefined || session === undefined) throw new Error('the first one has been started')
      await pushImage(first.client, 'app', before, 'latest')
      for (const image of [lost, kept]) for (const blob of blobsOf(image)) await first.client.pushBlob('app', blob)
      // The answer comes while it is stopped: its next step is the first thing that it does afterwards.
      proxy.use(next(1, ['PutObject'], { kind: 'stall', where: 'answer', ms: 1_000 }))
      const stalls = proxy.next('stall')

      const sent = first.client.putManifest('app', 'latest', lost.manifest).catch(() => undefined)
      await stalls
      process.kill(first.berth.program.pid, 'SIGSTOP')
      try {
        first.link.silence()
        // As the server does with a session that asks nothing for 15 s.
        await server().ask(`SELECT pg_terminate_backend(${session.pid})`)
        // It waits until nothing that the first one has sent can arrive any more.
        const patient = new RegistryClient(second.client.url)
        await expectStatus(await patient.putManifest('app', 'latest', kept.manifest), 201)
      } finally {
        process.kill(first.berth.program.pid, 'SIGCONT')
      }

      expect((await sent)?.status).not.toBe(201)
      await first.berth.program.waitForOutput(/is there again/, 60_000)
      expect(await new S3Client(bucket).sendToSuccess({ method: 'GET', key: TAG })).toBe(kept.manifest.digest)
      for (const { client } of replicas.all)
        expect((await client.headManifest('app', 'latest')).headers.get('docker-content-digest')).toBe(kept.manifest.digest)
    })
  })
})
