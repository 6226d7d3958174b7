import { expect, setDefaultTimeout, test } from 'bun:test'
import { startBerth } from '../support/berth-process.ts'
import { someOf } from '../support/effort.ts'
import { FakeUpstream, sendBlob, startOf } from '../support/fake-upstream.ts'
import { Gate } from '../support/gate.ts'
import { fixedBytes, sha256 } from '../support/images.ts'
import { poll } from '../support/processes.ts'
import { Reader } from '../support/reader.ts'
import { listenersOn, ownerOfPort } from '../support/socket-owner.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const BYTES = fixedBytes(2_000_000)
const DIGEST = sha256(BYTES)
const TENTHS = Array.from({ length: 11 }, (_, tenth) => tenth)

const CASES = (['the process that fetches', 'the other process'] as const).flatMap((which) =>
  TENTHS.map((tenths) => ({ which, tenths })),
)

test.each(someOf('tenths of a fetch, and processes', CASES, 3))(
  'kill -9 of $which, after $tenths tenths: its clients are cut, those of the one that is left have the whole, by what is missing alone',
  async ({ which, tenths }) => {
    using folder = new TemporaryFolder()
    await using upstream = await FakeUpstream.start()
    const sent = (BYTES.length / 10) * tenths
    const gate = new Gate()
    let port = 0
    upstream.answer = async (request, response) => {
      port = request.socket.remotePort ?? 0
      response.writeHead(200, { 'content-length': BYTES.length })
      response.flushHeaders()
      if (sent > 0) await new Promise<void>((written) => response.write(BYTES.subarray(0, sent), () => written()))
      await gate.pass()
      response.end(BYTES.subarray(sent))
    }
    const moreConfig = `proxy:\n  remoteurl: ${upstream.url}\n`
    await using mirror = await startBerth({ folder, moreConfig, processes: 2, expectsFaults: true })
    await poll('both processes listen', 60_000, async () => listenersOn(mirror.port) === 2 || undefined)
    // As long as it takes, on a machine that does other things as well.
    const get = () => fetch(`${mirror.url}/v2/app/blobs/${DIGEST}`)
    // The kernel spreads the connections: with so many, each process has some.
    const clients = Array.from({ length: 24 }, () => Reader.of(get()))
    await gate.reached()
    // An answer begins with its first byte, and the last one is given when all are proven.
    const given = Math.min(sent, BYTES.length - 1)
    if (given > 0) await Promise.all(clients.map(async (client) => await (await client).until(given)))
    const workers = await mirror.workers()
    const fetching = ownerOfPort(port, workers)
    const starts: number[] = []
    upstream.answer = (request, response) => {
      starts.push(startOf(request.headers.range))
      sendBlob(request, response, BYTES)
    }

    const isFetching = which === 'the process that fetches'
    if (fetching !== undefined) for (const pid of workers) if ((pid === fetching) === isFetching) process.kill(pid, 'SIGKILL')
    if (!isFetching) gate.open()

    const outcomes = await Promise.all(clients.map((client) => client.then((reader) => reader.whole()).then(sha256, () => 'cut')))
    // With every byte sent it may have been whole by then, and the connection to the upstream in the hands of no process.
    if (tenths < 10) expect(new Set(outcomes)).toEqual(new Set(['cut', DIGEST]))
    else expect(['cut', DIGEST]).toEqual(expect.arrayContaining([...new Set(outcomes)]))
    if (tenths < 10) expect(starts).toEqual(isFetching ? [sent] : [])
    for (let pulls = 0; pulls < 8; pulls += 1) expect(sha256(await (await get()).bytes())).toBe(DIGEST)
  },
)
