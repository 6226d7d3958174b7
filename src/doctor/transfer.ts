import type { Answer } from './answer.ts'
import { adviceFor, describeError } from './failed-connection.ts'
import { type Finding, Stopped } from './finding.ts'
import type { Patient, RequestBody } from './patient.ts'
import { adviceForCut, adviceForStatus } from './refused-transfer.ts'
import type { Sample } from './sample.ts'

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'
const CONFIG = {
  mediaType: 'application/vnd.oci.empty.v1+json',
  digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
  size: 2,
}
const BINARY = { 'Content-Type': 'application/octet-stream' }

/** Pushes an image with this blob as a client does, pulls it again, and takes it away. Throws Stopped when it cannot go on. */
export async function* transfer(patient: Patient, repository: string, sample: Sample): AsyncGenerator<Finding> {
  const size = describeSize(sample.bytes)
  const startedAt = performance.now()
  await pushBlob(patient, repository, sample)
  await expectStatus(
    patient,
    { method: 'POST', path: `/v2/${repository}/blobs/uploads/?digest=${CONFIG.digest}`, body: '{}', headers: BINARY },
    [201, 202],
    'a push',
  )
  const manifest = manifestOf(sample)
  const path = `/v2/${repository}/manifests/${digestOf(manifest)}`
  await expectStatus(
    patient,
    { method: 'PUT', path, body: manifest, headers: { 'Content-Type': MANIFEST_TYPE } },
    [201],
    'the push of a manifest',
  )
  yield { looked: `push of ${size}`, outcome: 'good', seen: rate(sample.bytes, startedAt) }
  yield await pullBlob(patient, repository, sample)
  yield await pullPart(patient, repository, sample)
  // What may not be deleted stays until the registry collects it: no image names it by a tag.
  await (await patient.ask('DELETE', path)).body.text()
}

async function pushBlob(patient: Patient, repository: string, sample: Sample): Promise<void> {
  const looked = `push of ${describeSize(sample.bytes)}`
  const opened = await expectStatus(patient, { method: 'POST', path: `/v2/${repository}/blobs/uploads/` }, [202], looked)
  const location = locationOf(patient, opened)
  const sent = await expectStatus(
    patient,
    { method: 'PATCH', path: location, body: sample.stream(), headers: BINARY },
    [202],
    looked,
  )
  const next = sent.headers.get('location') ?? location
  const closing = `${next}${next.includes('?') ? '&' : '?'}digest=${sample.digest}`
  await expectStatus(patient, { method: 'PUT', path: closing, headers: BINARY }, [201], looked)
}

/** Where an upload goes on must be the registry that the client knows, by the same protocol, name and port. */
function locationOf(patient: Patient, { headers }: Answer): string {
  const location = headers.get('location') ?? ''
  const here = new URL(patient.url)
  const there = new URL(location, `${patient.url}/`)
  if (there.origin === here.origin) return location
  const isPlain = here.protocol === 'https:' && there.protocol === 'http:'
  throw new Stopped({
    looked: 'Location',
    outcome: 'bad',
    seen: `the registry sends the client to ${there.origin}, not to ${here.origin}`,
    advice: isPlain
      ? 'The registry believes that clients come by plain HTTP: let every proxy on the way send X-Forwarded-Proto: https, and none overwrite it (registry:2: also http.relativeurls: true).'
      : 'The registry has another name or port than clients use: let the proxy send on the Host header as it came, with its port (nginx: proxy_set_header Host $http_host).',
  })
}

async function pullBlob(patient: Patient, repository: string, { digest, bytes }: Sample): Promise<Finding> {
  const looked = `pull of ${describeSize(bytes)}`
  const startedAt = performance.now()
  const answer = await expectStatus(patient, { method: 'GET', path: `/v2/${repository}/blobs/${digest}` }, [200], looked)
  const hasher = new Bun.CryptoHasher('sha256')
  let received = 0
  try {
    for await (const chunk of answer.body.body ?? []) {
      hasher.update(chunk)
      received += chunk.length
    }
  } catch (error) {
    throw cut(looked, `the pull ended after ${describeSize(received)}: ${describeError(error)}`, startedAt, error)
  }
  if (answer.headers.has('content-encoding')) {
    return {
      looked,
      outcome: 'bad',
      seen: 'a proxy has compressed what was pulled',
      advice: 'Its digest is wrong then: switch compression off below /v2/ (nginx: gzip off).',
    }
  }
  if (`sha256:${hasher.digest('hex')}` !== digest) {
    return {
      looked,
      outcome: 'bad',
      seen: `what came back are ${received} other bytes`,
      advice: 'Something on the way changes or caches what it should only pass on.',
    }
  }
  return { looked, outcome: 'good', seen: rate(bytes, startedAt) }
}

/** containerd and others go on where a pull was interrupted. */
async function pullPart(patient: Patient, repository: string, { digest, bytes }: Sample): Promise<Finding> {
  const answer = await patient.ask('GET', `/v2/${repository}/blobs/${digest}`, { headers: { Range: `bytes=${bytes - 16}-` } })
  const part = await answer.body.bytes()
  const looked = `pull of the end of ${describeSize(bytes)}`
  if (answer.status === 206 && part.length === 16) return { looked, outcome: 'good', seen: 'a part alone can be had' }
  return {
    looked,
    outcome: 'odd',
    seen: `asked for 16 bytes, the answer is ${answer.status} with ${part.length}`,
    advice: 'A proxy drops the Range header: pulls that were interrupted begin again.',
  }
}

interface Question {
  readonly method: string
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: RequestBody
}

async function expectStatus(
  patient: Patient,
  { method, path, ...init }: Question,
  wanted: readonly number[],
  looked: string,
): Promise<Answer> {
  const startedAt = performance.now()
  let answer: Answer
  try {
    answer = await patient.ask(method, path, init)
    if (method !== 'GET') await answer.body.clone().text()
  } catch (error) {
    throw cut(looked, `${method} ended without an answer: ${describeError(error)}`, startedAt, error)
  }
  if (wanted.includes(answer.status)) return answer
  const requestId = answer.headers.get('x-request-id')
  const seen = `${method} was answered with ${answer.status}${requestId === null ? '' : ` (request id ${requestId})`}`
  throw new Stopped({ looked, outcome: 'bad', seen, advice: adviceForStatus(answer, `The ${method}`) })
}

function cut(looked: string, seen: string, startedAt: number, cause: unknown): Stopped {
  const afterMs = performance.now() - startedAt
  const advice = afterMs < 20_000 ? adviceFor(cause) : adviceForCut(afterMs)
  return new Stopped({ looked, outcome: 'bad', seen: `${seen} after ${Math.round(afterMs / 1000)} s`, advice }, { cause })
}

function manifestOf({ digest, bytes }: Sample): string {
  const layers = [{ mediaType: 'application/octet-stream', digest, size: bytes }]
  return JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST_TYPE, config: CONFIG, layers })
}

function digestOf(text: string): string {
  return `sha256:${new Bun.CryptoHasher('sha256').update(text).digest('hex')}`
}

function describeSize(bytes: number): string {
  if (bytes < 1024 * 1024) return `${Math.round(bytes / 1024)} KB`
  return `${Math.round(bytes / 1024 / 1024)} MB`
}

function rate(bytes: number, startedAt: number): string {
  const seconds = (performance.now() - startedAt) / 1000
  return `${seconds.toFixed(1)} s, ${(bytes / 1024 / 1024 / seconds).toFixed(1)} MB/s`
}
