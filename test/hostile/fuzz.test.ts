import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { triesAll } from '../support/effort.ts'
import { sha256 } from '../support/images.ts'
import { poll } from '../support/processes.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { sendOnce, statusOf } from './fuzz-connection.ts'
import { HostileRegistry, type Seen } from './hostile-registry.ts'

setDefaultTimeout(3_600_000)

/** So many to each server: each method comes to each kind of path about ten times. `BERTH_FUZZ_REQUESTS=500000` for a look by hand. */
const REQUESTS = Number(process.env.BERTH_FUZZ_REQUESTS ?? (triesAll ? 25_000 : 2_500))
const AT_ONCE = 16
/** Uploads that are open, to which requests are sent. */
const SESSIONS = 50

const HELLO = new TextEncoder().encode('hello')
const DIGEST = sha256(HELLO)
const MANIFEST = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"a/b","digest":"${DIGEST}","size":5},"layers":[]}`

const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'] as const
const PATHS: Readonly<Record<string, readonly string[]>> = {
  base: ['/v2/', '/v2', '/', '//v2/'],
  catalog: ['/v2/_catalog', '/v2/_catalog?n=1', '/v2/_catalog?n=-1&last=%00'],
  tags: ['/v2/fuzz/tags/list', '/v2/fuzz/tags/list?n=99999999999', '/v2/none/tags/list'],
  manifest: [
    '/v2/fuzz/manifests/latest',
    `/v2/fuzz/manifests/${DIGEST}`,
    '/v2/fuzz/manifests/.',
    '/v2/fuzz/manifests/a?tag=b&tag=/',
  ],
  blob: [`/v2/fuzz/blobs/${DIGEST}`, '/v2/fuzz/blobs/sha256:0', `/v2/none/blobs/sha512:${'0'.repeat(128)}`],
  uploads: [
    '/v2/fuzz/blobs/uploads/',
    `/v2/fuzz/blobs/uploads/?digest=${DIGEST}`,
    `/v2/fuzz/blobs/uploads/?mount=${DIGEST}&from=kept`,
  ],
  session: ['/v2/fuzz/blobs/uploads/none', `/v2/fuzz/blobs/uploads/none?digest=${DIGEST}`],
  referrers: [`/v2/fuzz/referrers/${DIGEST}`, '/v2/fuzz/referrers/x?artifactType=%ff'],
  search: ['/v1/_ping', '/v1/search?q=a', '/v1/search?q=%00%ff"*&n=-1&page=x', `/v1/search?q=${'ab%20'.repeat(1000)}`, '/v1/x'],
  api: ['/api/v1/openapi.json', '/api/v1/openapi.json?x=%00', '/api/v1/repositories/fuzz/other', '/api/v1/repositories'],
  deletion: [
    '/api/v1/repositories/fuzz/deletion',
    '/api/v1/repositories/fuzz/deletion?tags=*&token=x',
    `/api/v1/repositories/none/deletion?digest=${DIGEST}&token=&force=true`,
    '/api/v1/repositories/fuzz/deletion?tag=%00&tag=v1&__proto__=x',
  ],
  pattern: [
    '/api/v1/deletion?repositories=**',
    '/api/v1/deletion?repositories=fuzz&tags=*&olderThan=1d&token=x',
    '/api/v1/deletion?repositories=%00&repositories=A',
    `/api/v1/deletion?repositories=${'*'.repeat(300)}`,
  ],
  collection: ['/api/v1/collection', '/api/v1/collection?x=1', '/api/v1/storage', '/api/v1/storage?n=%00'],
  deleted: ['/api/v1/repositories/fuzz/deleted', '/api/v1/repositories/none/deleted?n=1'],
  undelete: ['/api/v1/repositories/fuzz/undelete?as=v1', '/api/v1/repositories/fuzz/undelete', '/api/v1/repositories/A/undelete'],
  history: [
    '/api/v1/repositories/fuzz/history?tag=v1',
    '/api/v1/repositories/kept/history?tag=latest&n=1',
    '/api/v1/repositories/fuzz/history?tag=%00&n=1e9',
  ],
  restore: [`/api/v1/repositories/fuzz/restore?tag=v1&digest=${DIGEST}`, '/api/v1/repositories/fuzz/restore?tag=v1&back=1'],
  repository: ['/api/v1/repositories/fuzz', '/api/v1/repositories/fuzz/repository?x=1', '/api/v1/repositories//'],
  activity: ['/api/v1/activity', '/api/v1/activity?n=1&before=1', '/api/v1/activity?before=%00'],
  star: ['/api/v1/repositories/fuzz/star', '/api/v1/repositories/none/star?user=x'],
  description: ['/api/v1/repositories/fuzz/description?text=%00%E2%80%AE%3Cscript%3E', '/api/v1/repositories/fuzz/description'],
  storage: [
    '/api/v1/repositories/fuzz/storage',
    '/api/v1/repositories/kept/storage?n=2',
    '/api/v1/repositories/kept/storage?tag=latest',
  ],
  compare: [
    '/api/v1/repositories/kept/compare?from=latest&to=latest&platform=%00',
    `/api/v1/repositories/kept/compare?from=latest&to=${DIGEST}`,
  ],
  sorted: [
    '/api/v1/repositories/kept/tags?sort=pulls&n=1',
    '/api/v1/repositories/fuzz/tags?sort=size&after=%3A&q=%00&order=ascending',
  ],
  inside: [
    '/api/v1/repositories/kept/inside?tag=latest',
    '/api/v1/repositories/kept/files?tag=latest&path=%00/../..',
    '/api/v1/repositories/kept/file?tag=latest&path=%2F%E2%80%AE',
    `/api/v1/repositories/none/diff?from=latest&to=${DIGEST}`,
    '/api/v1/packages?name=*&version=%00',
    '/api/v1/files?path=%2F&n=1&after=x',
  ],
  quotas: ['/api/v1/repositories/fuzz/quotas', '/api/v1/repositories/quotas/quotas?x=1'],
  probe: ['/livez', '/readyz'],
  other: ['/v2/%2e%2e/x', '/v2/a%00b/tags/list', `/v2/${'a/'.repeat(200)}tags/list`, '/x', '*', '/v2/A/tags/list'],
}
const HEADERS = [
  'Range: bytes=0-1',
  'Range: bytes=0-0,2-2,-1',
  'Range: bytes=9-',
  'If-None-Match: *',
  'If-Range: x',
  'Content-Range: 0-4',
  'Content-Range: 5-1',
  'Content-Range: x',
  'Content-Type: application/vnd.oci.image.manifest.v1+json',
  'Content-Type: ;',
  'Accept: text/plain',
  'Authorization: Basic !',
  'Authorization: Bearer a.b.c',
  'Expect: 100-continue',
  'X-Forwarded-For: "',
  'X-Forwarded-Proto: gopher',
  'X-Request-ID: \u0001',
  'Cookie: a',
]
const BODIES = [
  '',
  'hello',
  '{}',
  '[1,1]',
  MANIFEST,
  MANIFEST.replace('[]', '[{}]'),
  '{"schemaVersion":1}',
  '\u0000\u00ff',
  'x'.repeat(100_000),
]

describe.each(['files', 'streams'] as const)('the server of %s', (kind) => {
  test(`brings ${REQUESTS} requests of every kind to their end, answers what is right, and grows by nothing`, async () => {
    await using registry = await HostileRegistry.start(kind)
    const { url } = registry
    await push(url)
    const before = await registry.seen()
    const fuzz = new Fuzz(url)

    let valid = 0
    for (let sent = 0; sent < REQUESTS; sent += AT_ONCE) {
      await Promise.all([expectRight(url, sent), ...Array.from({ length: AT_ONCE - 1 }, () => fuzz.send())])
      valid += 1
    }

    expect(fuzz.wrong).toEqual([])
    for (const name of [...Object.keys(PATHS), 'open session'])
      for (const method of METHODS)
        expect(`${method} ${name}: ${fuzz.reached.get(`${method} ${name}`) ?? 0}`).not.toEndWith(': 0')
    for (const status of ['200', '201', '202', '400', '404', '405', '416', 'closed'])
      expect(fuzz.statuses.get(status)).toBeGreaterThan(0)
    await fuzz.endSessions()
    const after = await poll('what is under way ends', 90_000, async () => {
      const seen = await registry.seen()
      const hasEnded = seen.files === 0 && seen.rows.claim === 0 && seen.sockets <= before.sockets + AT_ONCE
      return hasEnded ? seen : undefined
    })
    expect(after.errors).toEqual([])
    const { repository = 0, manifest = 0, link = 0 } = before.rows
    const most: Readonly<Record<string, number>> = {
      ...{ claim: 0, scan: 0, repository, manifest, tag: TAGS, link: link + valid },
      // Of clients that went away before they knew: they have no bytes, and the purge takes them.
      upload: fuzz.unknownSessions,
    }
    expect(Object.entries(after.rows).filter(([table, count]) => count > (most[table] ?? 0))).toEqual([])
    if (REQUESTS > 50_000) await print(kind, { registry, before, after, statuses: fuzz.statuses })
  })
})

interface Figures {
  readonly registry: HostileRegistry
  readonly before: Seen
  readonly after: Seen
  readonly statuses: ReadonlyMap<string, number>
}

/** Memory is given back within seconds. */
async function print(kind: string, { registry, before, after, statuses }: Figures): Promise<void> {
  await Bun.sleep(5_000)
  const { rssMb } = await registry.seen()
  process.stdout.write(`${kind}: ${JSON.stringify({ before, after, rssMbLater: rssMb, ...Object.fromEntries(statuses) })}\n`)
}

/** `latest` of two repositories, and what the requests to manifests name. */
const TAGS = 4

class Fuzz {
  readonly reached = new Map<string, number>()
  readonly statuses = new Map<string, number>()
  readonly wrong: string[] = []
  /** Of clients that went away before they could be told of an upload. */
  unknownSessions = 0
  readonly #url: string
  readonly #random = new SeededRandom(Number(process.env.BERTH_FUZZ_SEED ?? (triesAll ? seedFor('fuzz') : 1)))
  readonly #sessions: string[] = []
  /** Each method at each kind of path comes once before chance picks them. */
  readonly #first = Object.keys(PATHS).flatMap((name) => METHODS.map((method) => ({ method, name })))

  constructor(url: string) {
    this.#url = url
  }

  async send(): Promise<void> {
    const { request, hangUp, kindOfRequest } = someRequest(this.#random, this.#sessions, this.#first.shift())
    count(this.reached, kindOfRequest)
    const answer = await sendOnce(this.#url, Buffer.from(request, 'latin1'), hangUp)
    const status = statusOf(answer)
    count(this.statuses, status)
    if (/^5(?!01|05)|^[^1-5c]/.test(status)) this.wrong.push(`${request.slice(0, 300)} → ${answer}`)
    if (!kindOfRequest.startsWith('POST')) return
    const location = /\r\nlocation: (\/v2\/fuzz\/blobs\/uploads\/[^\s?]+)/i.exec(answer)?.[1]
    if (location === undefined) this.unknownSessions += status === 'closed' ? 1 : 0
    else if (status === '202') await this.#remember(location)
  }

  async endSessions(): Promise<void> {
    for (const location of this.#sessions.splice(0)) await this.#end(location)
  }

  async #remember(location: string): Promise<void> {
    this.#sessions.push(location)
    const oldest = this.#sessions.length > SESSIONS ? this.#sessions.shift() : undefined
    if (oldest !== undefined) await this.#end(oldest)
  }

  async #end(location: string): Promise<void> {
    const { status } = await fetch(`${this.#url}${location}`, { method: 'DELETE', signal: AbortSignal.timeout(120_000) })
    if (status !== 204 && status !== 404) this.wrong.push(`DELETE ${location} → ${status}`)
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

interface Kind {
  readonly method: (typeof METHODS)[number]
  readonly name: string
}

function someRequest(random: SeededRandom, sessions: readonly string[], chosen: Kind | undefined) {
  const isOpen = chosen === undefined && sessions.length > 0 && random.chance(0.1)
  const name = isOpen ? 'open session' : (chosen?.name ?? random.pick(Object.keys(PATHS)))
  const path = isOpen
    ? `${random.pick(sessions)}${random.pick(['', `?digest=${DIGEST}`, '?digest=x'])}`
    : random.pick(PATHS[name] ?? [])
  const method = chosen?.method ?? random.pick(METHODS)
  const body = random.pick(BODIES)
  const declared = random.pick([body.length, body.length, body.length, body.length + 1, 0])
  const lines = Array.from({ length: random.below(4) }, () => random.pick(HEADERS))
  const framing = random.pick([`Content-Length: ${declared}`, 'Transfer-Encoding: chunked'])
  const framed = framing.startsWith('T') ? `${body.length.toString(16)}\r\n${body}\r\n${body === '' ? '' : '0\r\n\r\n'}` : body
  const head = [`${method} ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', framing, ...lines]
  // A body that is shorter than it says would be waited for: its client leaves.
  const waits = framing.startsWith('T') || declared <= body.length
  const hangUp = waits && random.below(10) > 0 ? ('answer' as const) : random.pick(['fin', 'reset'] as const)
  return { request: `${head.join('\r\n')}\r\n\r\n${framed}`, hangUp, kindOfRequest: `${method} ${name}` }
}

async function push(url: string): Promise<void> {
  for (const repository of ['fuzz', 'kept']) {
    await fetch(`${url}/v2/${repository}/blobs/uploads/?digest=${DIGEST}`, { method: 'POST', body: HELLO })
    const headers = { 'Content-Type': 'application/vnd.oci.image.manifest.v1+json' }
    await fetch(`${url}/v2/${repository}/manifests/latest`, { method: 'PUT', headers, body: MANIFEST })
  }
}

/** In a repository that the others leave alone. */
async function expectRight(url: string, turn: number): Promise<void> {
  const signal = AbortSignal.timeout(120_000)
  const pulled = await fetch(`${url}/v2/kept/blobs/${DIGEST}`, { signal })
  expect([pulled.status, await pulled.text()]).toEqual([200, 'hello'])
  const manifest = await fetch(`${url}/v2/kept/manifests/latest`, { signal })
  expect([manifest.status, await manifest.text()]).toEqual([200, MANIFEST])
  const bytes = new TextEncoder().encode(`turn ${turn}`)
  const pushed = await fetch(`${url}/v2/kept/blobs/uploads/?digest=${sha256(bytes)}`, { method: 'POST', body: bytes, signal })
  expect(pushed.status).toBe(201)
}
