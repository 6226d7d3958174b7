import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { sha256 } from '../support/images.ts'
import { sendRaw } from '../support/raw-http.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { HostileRegistry } from './hostile-registry.ts'

setDefaultTimeout(3_600_000)

/** `BERTH_FUZZ_REQUESTS=500000` for a look by hand: so many to each server. */
const REQUESTS = Number(process.env.BERTH_FUZZ_REQUESTS ?? 2_000)
const AT_ONCE = 16

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
    const random = new SeededRandom(Number(process.env.BERTH_FUZZ_SEED ?? 1))
    const reached = new Map<string, number>()
    const statuses = new Map<string, number>()

    for (let sent = 0; sent < REQUESTS; sent += AT_ONCE) {
      const batch = Array.from({ length: AT_ONCE }, async (_, index) => {
        if (index === 0) return await expectRight(url, sent)
        const { request, hangUp, kindOfRequest } = someRequest(random)
        reached.set(kindOfRequest, (reached.get(kindOfRequest) ?? 0) + 1)
        const answer = await sendRaw(url, Buffer.from(request, 'latin1'), hangUp).catch(closedOf)
        const status = answer === '' ? 'closed' : answer.slice('HTTP/1.1 '.length, 'HTTP/1.1 '.length + 3)
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        expect(`${request.slice(0, 300)} → ${status}`).not.toMatch(/→ (5(?!05)|[^1-4c5])/)
      })
      await Promise.all(batch)
    }

    for (const name of Object.keys(PATHS))
      for (const method of METHODS) expect(reached.get(`${method} ${name}`) ?? 0).toBeGreaterThan(0)
    for (const status of ['200', '202', '400', '404', '405', 'closed']) expect(statuses.get(status) ?? 0).toBeGreaterThan(0)
    const { errors, longestTurnMs, rssMb } = await registry.seen()
    expect(errors).toEqual([])
    if (REQUESTS > 2_000)
      process.stdout.write(`${kind}: ${JSON.stringify({ longestTurnMs, rssMb, ...Object.fromEntries(statuses) })}\n`)
  })
})

function someRequest(random: SeededRandom) {
  const name = random.pick(Object.keys(PATHS))
  const method = random.pick(METHODS)
  const body = random.pick(BODIES)
  const declared = random.pick([body.length, body.length, body.length, body.length + 1, 0])
  const lines = Array.from({ length: random.below(4) }, () => random.pick(HEADERS))
  const framing = random.pick([`Content-Length: ${declared}`, 'Transfer-Encoding: chunked'])
  const framed = framing.startsWith('T') ? `${body.length.toString(16)}\r\n${body}\r\n${body === '' ? '' : '0\r\n\r\n'}` : body
  const head = [`${method} ${random.pick(PATHS[name] ?? [])} HTTP/1.1`, 'Host: localhost', 'Connection: close', framing, ...lines]
  // A body that is shorter than it says would be waited for: its client leaves.
  const waits = framing.startsWith('T') || declared <= body.length
  const hangUp = waits && random.below(10) > 0 ? ('answer' as const) : random.pick(['fin', 'reset'] as const)
  return { request: `${head.join('\r\n')}\r\n\r\n${framed}`, hangUp, kindOfRequest: `${method} ${name}` }
}

/** A reset is one of the ways to end; silence is none. */
function closedOf(error: unknown): string {
  if (error instanceof Error && error.message.startsWith('nothing came')) throw error
  return ''
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
  const signal = AbortSignal.timeout(30_000)
  const pulled = await fetch(`${url}/v2/kept/blobs/${DIGEST}`, { signal })
  expect([pulled.status, await pulled.text()]).toEqual([200, 'hello'])
  const manifest = await fetch(`${url}/v2/kept/manifests/latest`, { signal })
  expect([manifest.status, await manifest.text()]).toEqual([200, MANIFEST])
  const bytes = new TextEncoder().encode(`turn ${turn}`)
  const pushed = await fetch(`${url}/v2/kept/blobs/uploads/?digest=${sha256(bytes)}`, { method: 'POST', body: bytes, signal })
  expect(pushed.status).toBe(201)
}
