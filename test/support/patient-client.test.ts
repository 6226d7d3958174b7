import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { startBerth } from './berth-process.ts'
import { contentOf } from './images.ts'
import { PatientClient } from './patient-client.ts'
import type { RegistryProcess } from './registry-process.ts'
import { SeededRandom } from './seeded-random.ts'
import { TemporaryFolder } from './temporary-folder.ts'

/** What a registry answers to a request, changed by a test. */
type Tamper = (request: Request, answer: Response) => Promise<Response> | Response

const TEST_MS = 180_000
const STEPS = 15

/** Each waits for its patience to end: all of them at once, in repositories of their own. */
describe.concurrent('a client that keeps account', () => {
  let folder: TemporaryFolder
  let berth: RegistryProcess
  beforeAll(async () => {
    folder = new TemporaryFolder({ inMemory: true })
    berth = await startBerth({ folder, dataDirectory: folder.join('data') })
  }, TEST_MS)
  afterAll(async () => {
    await berth.stop()
    folder[Symbol.dispose]()
  })

  test(
    'finds nothing wrong with a registry that is right, nor with one that asks for patience',
    async () => {
      let asked = 0
      const problems = await problemsWith(berth, (_, answer) => {
        asked += 1
        return asked % 9 === 0 ? unavailable({ 'retry-after': '1' }) : answer
      })

      expect(problems).toEqual([])
    },
    TEST_MS,
  )

  test.each<[string, RegExp, Tamper]>([
    ['another byte', /other bytes from \d+ on/, onBlobs((bytes) => bytes.with(3, 255 - (bytes[3] ?? 0)))],
    ['an end that is none', /ended after \d+ of \d+ bytes as if it were whole/, onBlobs((bytes) => bytes.slice(0, 2))],
    [
      '404 for what is there',
      /(one|two|three) is absent, not sha256:/,
      (request, answer) => (isPull(request) ? missing() : answer),
    ],
    ['500', /answered 500/, (request, answer) => (request.method === 'PATCH' ? new Response('oh', { status: 500 }) : answer)],
    ['503 that does not say when', /answered 503/, (request, answer) => (isPull(request) ? unavailable({}) : answer)],
    ['a success that is none', /(is absent, not sha256|one is sha256|two is sha256|three is sha256)/, forgetful()],
  ])(
    'names %s',
    async (_, problem, tamper) => {
      const problems = await problemsWith(berth, tamper)

      expect(problems.join('\n')).toMatch(problem)
    },
    TEST_MS,
  )
})

async function problemsWith(berth: RegistryProcess, tamper: Tamper): Promise<readonly string[]> {
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: async (request) => await tampered(berth.url, request, tamper),
  })
  try {
    const layers = [contentOf('application/vnd.oci.image.layer.v1.tar', new Uint8Array(5_000).fill(7))]
    const url = () => server.url.href
    const client = new PatientClient({
      repository: crypto.randomUUID(),
      url,
      random: new SeededRandom(3),
      layers,
      mayBeGone: () => false,
    })
    for (let step = 0; step < STEPS && client.problems.length === 0; step += 1) await client.doSomething()
    for (const tag of client.possible.keys()) await client.pull(tag)
    return client.problems
  } finally {
    await server.stop(true)
  }
}

async function tampered(registry: string, request: Request, tamper: Tamper): Promise<Response> {
  const { pathname, search } = new URL(request.url)
  const body = request.body === null ? {} : { body: await request.arrayBuffer() }
  const answer = await fetch(`${registry}${pathname}${search}`, {
    method: request.method,
    headers: request.headers,
    redirect: 'manual',
    ...body,
  })
  return await tamper(request, answer)
}

function isPull({ method, url }: Request): boolean {
  return method === 'GET' && url.includes('/manifests/')
}

function onBlobs(change: (bytes: Uint8Array) => Uint8Array): Tamper {
  return async (request, answer) => {
    if (request.method !== 'GET' || !request.url.includes('/blobs/sha256:') || answer.status !== 200) return answer
    return new Response(change(await answer.bytes()).slice(), { status: 200 })
  }
}

/** The first manifest that is pulled is shown for ever. */
function forgetful(): Tamper {
  let kept: { readonly body: ArrayBuffer; readonly headers: Record<string, string> } | undefined
  return async (request, answer) => {
    if (!isPull(request) || (kept === undefined && answer.status !== 200)) return answer
    const shown = kept ?? { body: await answer.arrayBuffer(), headers: Object.fromEntries(answer.headers) }
    kept = shown
    return new Response(shown.body, { headers: shown.headers })
  }
}

function missing(): Response {
  return Response.json({ errors: [{ code: 'MANIFEST_UNKNOWN' }] }, { status: 404 })
}

function unavailable(headers: Record<string, string>): Response {
  return Response.json({ errors: [{ code: 'UNAVAILABLE' }] }, { status: 503, headers })
}
