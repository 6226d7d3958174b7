import { expect, setDefaultTimeout, test } from 'bun:test'
import { BERTH_PROGRAM } from '../support/berth-program.ts'
import { describeOnStores } from '../support/object-store.ts'
import { environmentIn, run } from '../support/processes.ts'
import { registryConfig } from '../support/registry-config.ts'
import type { S3Place } from '../support/s3-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(300_000)

describeOnStores(
  'a start on a bucket that cannot be used ends with a sentence',
  (store) => {
    test.each([['a wrong secret', async (place: S3Place) => ({ ...place, secretKey: 'wrong' }), 'SignatureDoesNotMatch']])(
      '%s',
      async (_, changed, reason) => {
        using folder = new TemporaryFolder()
        const data = await changed(await store().newBucket())
        const config = await folder.file('config.yml', registryConfig(data))

        const environment = { ...environmentIn(folder.path), STATE_DIRECTORY: folder.join('state') }
        const { exitCode, stderr } = await run([BERTH_PROGRAM, 'serve', config], { environment, timeoutMs: 60_000 })

        expect(exitCode).toBe(1)
        expect(stderr).toContain('The storage cannot be used. ')
        expect(stderr).toContain('(the object store answered')
        expect(stderr).toContain(reason)
        expect(stderr).not.toContain('    at ')
      },
    )
  },
  ['versitygw'],
)
