import { expect, test } from 'bun:test'
import { insertClaims, listClaimOwners } from '../../src/metadata/claims.ts'
import { findBlob } from '../../src/metadata/content.ts'
import { parseDigest } from '../../src/oci/digest.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { contentOf, fixedBytes } from '../support/images.ts'
import { expectStatus } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

/** What a collector leaves when it dies: rows and claims as it writes them. */

const blob = contentOf('application/octet-stream', fixedBytes(1000))

test('a start gives a link that was condemned back to its readers, and no grace anew', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  {
    await using berth = await BerthInProcess.start(folder.join('data'))
    await berth.client.pushBlob('app', blob)
    await berth.opened.metadata.write((query) => query.run('UPDATE link SET condemned_ms = 6, touched_ms = 5'))
  }

  await using berth = await BerthInProcess.start(folder.join('data'))

  const rows = await berth.opened.metadata.read.all('SELECT condemned_ms AS condemned, touched_ms AS touched FROM link')
  expect(rows).toEqual([{ condemned: null, touched: 5 }])
})

test('bytes whose removal was given up are live again when it is settled', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  await using berth = await BerthInProcess.start(folder.join('data'))
  await berth.client.pushBlob('app', blob)
  const { digest } = blob
  await berth.opened.metadata.write(async (query) => {
    await query.run("UPDATE blob SET state = 'deleting' WHERE digest = ?", digest)
    const claim = { name: { kind: 'blob', digest: parseDigest(digest) }, alone: true } as const
    await insertClaims(query, [claim], { operation: 'a removal', process: 'dead' }, 1)
  })

  await berth.sweep()

  const size = blob.bytes.length
  expect(await findBlob(berth.opened.metadata.read, parseDigest(digest))).toMatchObject({ state: 'live', size })
  expect(await listClaimOwners(berth.opened.metadata.read)).toEqual([])
  await expectStatus(await berth.client.getBlob('app', digest), 200)
})
