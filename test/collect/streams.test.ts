import { expect, setDefaultTimeout, test } from 'bun:test'
import { once } from 'node:events'
import { connect } from 'node:net'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { startBerth } from '../support/berth-process.ts'
import { blobPlaces, missing } from '../support/collected-places.ts'
import { collect, DAY_MS, HOUR_MS, passTime, TEST_POLICY } from '../support/collecting.ts'
import { contentOf, fixedBytes, sha256 } from '../support/images.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)
/** More than the buffers of a connection take. */
const blob = contentOf('', fixedBytes(24 * 1024 * 1024))

test('54: a blob that is removed while a slow client takes it comes whole', async () => {
  using folder = new TemporaryFolder()
  const data = folder.join('data')
  await using serving = await startBerth({ folder })
  await new RegistryClient(serving.url).pushBlob('app', blob)
  await using collecting = await BerthInProcess.start(data, { collector: TEST_POLICY })
  await collecting.scan()
  await passTime(collecting, DAY_MS + HOUR_MS)
  const socket = connect(serving.port, '127.0.0.1')
  socket.write(`GET /v2/app/blobs/${blob.digest} HTTP/1.1\r\nHost: berth.test\r\nConnection: close\r\n\r\n`)
  const parts: Buffer[] = [(await once(socket, 'data'))[0]]
  socket.pause()

  await collect(collecting)
  await passTime(collecting, HOUR_MS)
  await collect(collecting)
  expect(missing(data, blobPlaces('app', blob))).toHaveLength(2)
  socket.on('data', (part: Buffer) => void parts.push(part))
  socket.resume()
  await once(socket, 'close')

  const answer = Buffer.concat(parts)
  const body = answer.subarray(answer.indexOf('\r\n\r\n') + 4)
  expect(answer.subarray(0, 15).toString()).toBe('HTTP/1.1 200 OK')
  expect([body.length, sha256(body)]).toEqual([blob.bytes.length, blob.digest])
})
