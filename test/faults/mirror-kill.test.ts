import { expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { startBerth } from '../support/berth-process.ts'
import { someOf } from '../support/effort.ts'
import { FakeUpstream, sendBlob } from '../support/fake-upstream.ts'
import { Gate } from '../support/gate.ts'
import { fixedBytes, sha256 } from '../support/images.ts'
import { poll } from '../support/processes.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const BYTES = fixedBytes(2_000_000)
const DIGEST = sha256(BYTES)
const TENTHS = Array.from({ length: 11 }, (_, tenth) => tenth)

test.each(someOf('tenths of a fetch that two processes', TENTHS, 2))(
  'kill -9 of two processes after %d tenths of a fetch: the next start fetches it anew, whole, and keeps nothing of the first',
  async (tenths) => {
    using folder = new TemporaryFolder()
    await using upstream = await FakeUpstream.start()
    const moreConfig = `proxy:\n  remoteurl: ${upstream.url}\n`
    const options = { folder, moreConfig, processes: 2, expectsFaults: true }
    const gate = new Gate()
    upstream.answer = async (_, response) => {
      response.writeHead(200, { 'content-length': BYTES.length })
      await new Promise<void>((sent) => response.write(BYTES.subarray(0, (BYTES.length / 10) * tenths), () => sent()))
      await gate.pass()
    }
    {
      await using mirror = await startBerth(options)
      const reading = new RegistryClient(mirror.url).getBlob('app', DIGEST).then((answer) => answer.bytes())
      const outcome = reading.then(sha256).catch(() => 'cut')
      await gate.reached()
      for (const pid of [mirror.program.pid, ...(await mirror.workers())]) process.kill(pid, 'SIGKILL')
      await mirror.kill()
      // With every byte sent the blob may have been whole by then.
      expect(tenths === 10 ? ['cut', DIGEST] : ['cut']).toContain(await outcome)
    }
    upstream.answer = (request, response) => sendBlob(request, response, BYTES)

    await using mirror = await startBerth(options)
    const client = new RegistryClient(mirror.url)
    for (let pulls = 0; pulls < 4; pulls += 1) {
      expect(sha256(await (await client.getBlob('app', DIGEST)).bytes())).toBe(DIGEST)
    }
    await poll('no upload is left', 60_000, async () => readdirSync(folder.join('data/berth/uploads')).length === 0 || undefined)
  },
  120_000,
)
