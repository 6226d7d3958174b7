import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import type { Listen } from '../../src/http/server/server.ts'
import { AppInTest } from '../support/app-in-test.ts'
import { someOf } from '../support/effort.ts'
import { answer, FaultyUpstream } from '../support/faulty-upstream.ts'
import { blobsOf, fixedBytes, type Image, makeImage, sha256 } from '../support/images.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import type { RegistryProcess } from '../support/registry-process.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { type FaultRow, faultRows, type Outcome, storeFault } from '../support/upstream-faults.ts'
import { SERVERS } from '../support/wire.ts'

setDefaultTimeout(120_000)

const DRAWN = 6
/** One is pulled by its tag, and the other by its digest, so that neither brings the other. */
const TAGGED = makeImage('by its tag')
const NAMED = makeImage('by its digest')
const LAYER = Bun.gzipSync(fixedBytes(300_000))
const WANTED = {
  tag: { path: '/v2/app/manifests/latest', bytes: TAGGED.manifest.bytes },
  digest: { path: `/v2/app/manifests/${NAMED.manifest.digest}`, bytes: NAMED.manifest.bytes },
  blob: { path: `/v2/app/blobs/${sha256(LAYER)}`, bytes: LAYER },
} as const
const KINDS = ['tag', 'digest', 'blob'] as const

/** Each fault on each server that clients talk to. They are drawn before the places are known that the faults need. */
const CASES = faultRows('').flatMap(({ name }) => SERVERS.map(([where, server]) => ({ name, where, server })))

describeWith({ programs: [PEER_PROGRAM] }, 'A mirror of a real registry:2 with a faulty proxy in front of it', () => {
  const folder = new TemporaryFolder()
  let peer: RegistryProcess
  let store: FaultyUpstream

  beforeAll(async () => {
    peer = await startPeer({ folder, dataDirectory: folder.join('peer-data') })
    await fill(new RegistryClient(peer.url))
    store = await FaultyUpstream.start(peer.url)
    store.fault = storeFault
  })
  afterAll(async () => {
    await store[Symbol.asyncDispose]()
    await peer[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  describe.each(someOf('faults of an upstream', CASES, DRAWN))('$name, over $where:', ({ name, server }) => {
    test('gives no wrong byte as a whole answer and keeps none, and what is here is served through it', async () => {
      const row = faultRows(store.url).find((each) => each.name === name)
      if (row === undefined) throw new Error(`no fault is called ${name}`)
      const data = await folder.directory(crypto.randomUUID())
      await using upstream = await FaultyUpstream.start(peer.url)

      upstream.fault = row.does
      await whileServed({ data, upstream, server, row }, async (mirror) => {
        for (const kind of KINDS) await expectOutcome(mirror, { kind, outcome: row[kind], upstream: upstream.url })
      })
      expect(wrongFilesIn(data)).toEqual([])

      upstream.fault = answer
      await whileServed({ data, upstream, server }, async (mirror) => {
        for (const kind of KINDS) expect(await pull(mirror, kind)).toMatchObject({ status: 200, isRight: true })
      })
      expect(wrongFilesIn(data)).toEqual([])

      upstream.fault = row.does
      upstream.asked.length = 0
      await whileServed({ data, upstream, server, row }, async (mirror) => {
        for (const kind of KINDS) {
          const { status, isRight, warning } = await pull(mirror, kind)
          expect({ kind, status, isRight }).toEqual({ kind, status: 200, isRight: true })
          const isTold = kind === 'tag' && !row.confirms
          expect(warning).toBe(isTold ? `111 - "${upstream.url} could not confirm the tag"` : null)
        }
      })
      expect(new Set(upstream.asked)).toEqual(new Set([`HEAD ${WANTED.tag.path}`]))
    })
  })

  interface Serving {
    readonly data: string
    readonly upstream: FaultyUpstream
    readonly server: Listen
    readonly row?: FaultRow
  }

  async function whileServed(
    { data, upstream, server, row }: Serving,
    work: (mirror: AppInTest) => Promise<void>,
  ): Promise<void> {
    const { patienceMs } = row ?? {}
    const sections = { storage: { filesystem: { rootdirectory: data } }, proxy: { remoteurl: upstream.url } }
    const waits = patienceMs === undefined ? {} : { upstreamPatience: { headMs: patienceMs, stallMs: patienceMs } }
    await using mirror = await AppInTest.start(folder, sections, { server, ...waits })
    await work(mirror)
  }
})

async function fill(client: RegistryClient): Promise<void> {
  const push = async ({ manifest, ...image }: Image, reference: string) => {
    for (const blob of blobsOf({ manifest, ...image })) await client.pushBlob('app', blob)
    await expectStatus(await client.putManifest('app', reference, manifest), 201)
  }
  await push(TAGGED, 'latest')
  await push(NAMED, NAMED.manifest.digest)
  await client.pushBlob('app', { digest: sha256(LAYER), bytes: LAYER })
}

/** `text` where it is an error; `isRight` undefined where the connection was cut. */
async function pull(mirror: AppInTest, kind: (typeof KINDS)[number]) {
  const { path, bytes } = WANTED[kind]
  const accept = { accept: TAGGED.manifest.mediaType }
  try {
    // A fetch that breaks off at the same byte is tried again for 13 seconds.
    const signal = AbortSignal.timeout(50_000)
    // On a connection of its own: the client asks again by itself where one that it used before is cut.
    const response = await mirror.request('GET', path, { headers: kind === 'blob' ? {} : accept, signal, keepalive: false })
    const { status, headers } = response
    const body = await response.bytes().catch(() => undefined)
    const isRight = body && Buffer.from(body).equals(bytes)
    const text = status === 200 || body === undefined ? '' : new TextDecoder().decode(body)
    return { status, isRight, text, warning: headers.get('warning'), retryAfter: headers.get('retry-after') }
  } catch {
    return { status: 0, isRight: undefined, text: '', warning: null, retryAfter: null }
  }
}

interface Expected {
  readonly kind: (typeof KINDS)[number]
  readonly outcome: Outcome
  readonly upstream: string
}

async function expectOutcome(mirror: AppInTest, { kind, outcome, upstream }: Expected): Promise<void> {
  const { status, isRight, text, retryAfter } = await pull(mirror, kind)
  if (outcome === 'whole') return expect({ kind, status, isRight }).toEqual({ kind, status: 200, isRight: true })
  if ('status' in outcome) {
    expect({ kind, status }).toEqual({ kind, status: outcome.status })
    expect(text).toContain(upstream)
    expect(text).toMatch(outcome.says)
    return expect(retryAfter).toBe(outcome.status === 429 ? '33' : null)
  }
  const wasCut = kind === 'blob' && isRight === undefined
  expect({ kind, isFailure: status === 503 || wasCut, status }).toMatchObject({ kind, isFailure: true })
  const told = wasCut ? String((await mirror.log.line(({ message }) => message === 'a blob was not fetched')).fields.error) : text
  expect(told).toContain(upstream)
  expect(told).not.toContain('verbose')
  expect(told).toMatch(outcome.failed)
}

/** Blobs whose bytes are others than their name says, and uploads that nothing continues. */
function wrongFilesIn(data: string): readonly string[] {
  const files = readdirSync(data, { recursive: true, encoding: 'utf8' })
  return files.filter((file) => {
    const [, hex] = /\/blobs\/sha256\/..\/([0-9a-f]{64})\/data$/.exec(`/${file}`) ?? []
    if (hex !== undefined) return sha256(readFileSync(`${data}/${file}`)) !== `sha256:${hex}`
    return file.startsWith('berth/uploads/')
  })
}
