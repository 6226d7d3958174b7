import { expect, test } from 'bun:test'
import { RunningDigest } from '../../src/oci/digest.ts'
import { startBerth } from '../support/berth-process.ts'
import { expectLeastBelow } from '../support/least-measured.ts'
import { describeOnStores } from '../support/object-store.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** The promise names a layer of 10 GB; a run of the whole suite takes a smaller one. */
const LAYER_MIB = Number(process.env.BERTH_TEST_LAYER_MIB ?? 96)
const LIMIT_MS = 5000
const MIB = 1024 * 1024
const TIMEOUT_MS = 15 * 60_000

describeOnStores('a large layer', (store) => {
  test(
    `of ${LAYER_MIB} MiB in one PUT is acknowledged within ${LIMIT_MS / 1000} s of its last byte`,
    async () => {
      using folder = new TemporaryFolder()
      await using berth = await startBerth({ folder, processes: 1, dataDirectory: await store().newBucket() })
      const client = new RegistryClient(berth.url)
      let round = 0

      await expectLeastBelow(
        { what: `a layer of ${LAYER_MIB} MiB`, unit: 'ms after its last byte', limit: LIMIT_MS },
        async () => {
          round += 1
          const digest = digestOfLayer(round)
          const waitedMs = await pushLayer(client, digest, round)
          const head = await client.headBlob('large', digest)
          expect(head.headers.get('content-length')).toBe(String(LAYER_MIB * MIB))
          return waitedMs
        },
      )
    },
    TIMEOUT_MS,
  )
})

/** Gives the milliseconds from the last byte to the answer. */
async function pushLayer(client: RegistryClient, digest: string, round: number): Promise<number> {
  const location = new URL(await client.startUpload('large'), client.url)
  location.searchParams.set('digest', digest)
  const { body, sentAtMs } = layer(round)
  const headers = { 'content-type': 'application/octet-stream' }
  const put = await fetch(location, { method: 'PUT', headers, body, signal: AbortSignal.timeout(TIMEOUT_MS) })
  const answeredAtMs = performance.now()
  await expectStatus(put, 201)
  return answeredAtMs - sentAtMs()
}

/** No two mebibytes are the same. */
function mebibyte(number: number, round: number): Uint8Array {
  const bytes = new Uint8Array(MIB).fill(number)
  new DataView(bytes.buffer).setUint32(0, number)
  new DataView(bytes.buffer).setUint32(4, round)
  return bytes
}

function digestOfLayer(round: number): string {
  const running = new RunningDigest('sha256')
  for (let number = 0; number < LAYER_MIB; number += 1) running.update(mebibyte(number, round))
  return running.digest()
}

function layer(round: number) {
  let number = 0
  let sentAtMs = 0
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (number < LAYER_MIB) return controller.enqueue(mebibyte(number++, round))
      sentAtMs = performance.now()
      controller.close()
    },
  })
  return { body, sentAtMs: () => sentAtMs }
}
