import { expect, test } from 'bun:test'
import { listen } from '../../src/http/server/server.ts'
import { listenForStreams } from '../../src/http/server/stream-server.ts'
import { AppInTest } from '../support/app-in-test.ts'
import { FakeUpstream } from '../support/fake-upstream.ts'
import { makeImage } from '../support/images.ts'
import { poll } from '../support/processes.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const { manifest, config } = makeImage('never')
const WAITING = [
  ['GET', '/v2/app/manifests/latest'],
  ['GET', `/v2/app/manifests/${manifest.digest}`],
  ['GET', `/v2/app/blobs/${config.digest}`],
  ['GET', `/v2/app/tags/list`],
] as const

test.each([
  ['files', listen],
  ['streams', listenForStreams],
] as const)(
  'a request that waits for a silent upstream when the registry stops is told so by 503, on the server for %s',
  async (_, server) => {
    using folder = new TemporaryFolder()
    await using upstream = await FakeUpstream.start(() => undefined)
    const sections = {
      storage: { filesystem: { rootdirectory: folder.join('data') } },
      proxy: { remoteurl: upstream.url },
    }
    await using mirror = await AppInTest.start(folder, sections, { server })
    const answers = WAITING.map(([method, path]) => mirror.request(method, path))
    await poll('the upstream has been asked for all', 90_000, async () => upstream.asked.length === WAITING.length || undefined)

    await Promise.all([mirror.stop(1_000), ...answers])

    for (const answer of answers) {
      const { status, headers } = await answer
      const { errors } = (await (await answer).json()) as { errors: readonly unknown[] }
      expect([status, headers.get('retry-after')]).toEqual([503, '1'])
      expect(errors).toEqual([
        { code: 'UNAVAILABLE', message: expect.stringMatching(/^The registry stops; send the request again\. /) },
      ])
    }
  },
  60_000,
)
