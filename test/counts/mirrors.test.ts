import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { countFileCalls } from '../../bench/counts/count-file-calls.ts'
import { countStatements } from '../../bench/counts/count-statements.ts'
import { LARGE, PULLED, REPOSITORY, WORK, type Work } from '../../bench/counts/work.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { Upstream } from '../../src/upstream/upstream.ts'
import { Upstreams } from '../../src/upstream/upstreams.ts'
import type { BerthInProcess } from '../support/berth-in-process.ts'
import { FakeUpstream } from '../support/fake-upstream.ts'
import type { Image } from '../support/images.ts'
import { poll } from '../support/processes.ts'
import type { RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { serveImages } from '../support/upstream-images.ts'

setDefaultTimeout(120_000)

const PULLS = ['blob-get', 'blob-head', 'manifest-get', 'manifest-head']
/** The large blob belongs to no image of a registry that is pushed to; an upstream has it in one. */
const IMAGE: Image = { ...PULLED, layers: [LARGE] }
const TAG = 'pulled'

const locally = WORK.filter(({ name }) => PULLS.includes(name))
/** The first time fetches what the others find. */
const mirrored: readonly Work[] = locally.map(({ name, title, run }) => ({
  ...{ name, title },
  run: async (client, time) => {
    await run(client, time)
    if (time === 0) await inItsPlace(client)
  },
}))

/** A blob on its way is sent in chunks, and one in its place with its length. */
async function inItsPlace(client: RegistryClient): Promise<void> {
  await poll('the blob is in its place', 90_000, async () => {
    const { headers, body } = await client.getBlob(REPOSITORY, LARGE.digest)
    await body?.cancel()
    return headers.has('content-length') || undefined
  })
}

/** Its process has told the others that the fetch is over. */
async function isOver({ log, opened }: BerthInProcess): Promise<void> {
  await log.line(({ message }) => message === 'a blob was fetched')
  await poll('the fetch is over', 90_000, async () => {
    const rows = await opened.metadata.read.all('SELECT digest FROM fetch')
    return rows.length === 0 || undefined
  })
}

const ASKED = [`GET /v2/${REPOSITORY}/blobs/${LARGE.digest}`, `GET /v2/${REPOSITORY}/manifests/${TAG}`]

describe('a pull of what a mirror has fetched, within its ttl', () => {
  let folder: TemporaryFolder
  let upstream: FakeUpstream
  beforeEach(async () => {
    folder = new TemporaryFolder()
    upstream = await FakeUpstream.start(serveImages({ [REPOSITORY]: IMAGE }, { tag: TAG }))
  })
  afterEach(async () => {
    await upstream[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  test('asks the metadata as often as a pull of what was pushed here, and the upstream nothing', async () => {
    const upstreams = [new Upstream({ url: new URL(upstream.url) })]
    const nameThere = () => parseRepositoryName(REPOSITORY)
    const whole = { upstream: new Upstreams({ upstreams, nameThere }), tagsFreshMs: 3_600_000 }

    const pushed = await countStatements(folder.path, { works: locally })
    const fetched = await countStatements(folder.path, {
      works: mirrored,
      mirrors: { whole, prefixes: [] },
      settle: isOver,
    })

    expect(Object.fromEntries(fetched)).toEqual(Object.fromEntries(pushed))
    expect(upstream.asked).toEqual(ASKED)
  })

  describeWith({ programs: ['strace'] }, 'on the disk', () => {
    test('makes the same calls of the file system, and none of the upstream', async () => {
      const environment = { REGISTRY_PROXY_REMOTEURL: upstream.url, REGISTRY_PROXY_TAGTTL: '1h' }

      const pushed = await countFileCalls('berth-1', folder.path, { works: locally })
      const fetched = await countFileCalls('berth-1', folder.path, { works: mirrored, environment })

      expect(Object.fromEntries(fetched)).toEqual(Object.fromEntries(pushed))
      expect(upstream.asked).toEqual(ASKED)
    })
  })
})
