import { expect, setDefaultTimeout, test } from 'bun:test'
import { startBerth } from '../support/berth-process.ts'
import { makeImage } from '../support/images.ts'
import { describeOnStores } from '../support/object-store.ts'
import { environmentIn, run } from '../support/processes.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { registryConfig } from '../support/registry-config.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

/** Two machines are two folders for what is local. */
describeOnStores(
  'two machines on one bucket',
  (store) => {
    test('the second one ends with a sentence that names PostgreSQL, and the first one goes on', async () => {
      using one = new TemporaryFolder()
      using other = new TemporaryFolder()
      const bucket = await store().newBucket()
      await using berth = await startBerth({ folder: one, dataDirectory: bucket })

      const config = await other.file('config.yml', registryConfig(bucket))
      const environment = { ...environmentIn(other.path), STATE_DIRECTORY: other.join('state') }
      const second = await run(['bin/berth', 'serve', config], { environment, timeoutMs: 60_000 })

      expect(second.exitCode).toBe(1)
      expect(second.stderr).toContain('PostgreSQL')
      const client = new RegistryClient(berth.url)
      const image = makeImage('still there')
      for (const blob of [image.config, ...image.layers]) await client.pushBlob('app', blob)
      expect((await client.putManifest('app', 'latest', image.manifest)).status).toBe(201)
    })

    test('who ends in order is followed at once by another machine, which serves what was pushed', async () => {
      using one = new TemporaryFolder()
      using other = new TemporaryFolder()
      const bucket = await store().newBucket()
      const image = makeImage('moved')
      const first = await startBerth({ folder: one, dataDirectory: bucket })
      const pushing = new RegistryClient(first.url)
      for (const blob of [image.config, ...image.layers]) await pushing.pushBlob('app', blob)
      await pushing.putManifest('app', 'latest', image.manifest)
      await first.stop()

      await using second = await startBerth({ folder: other, dataDirectory: bucket })

      const response = await new RegistryClient(second.url).getManifest('app', 'latest')
      expect(response.headers.get('docker-content-digest')).toBe(image.manifest.digest)
    })
  },
  ['versitygw'],
)
