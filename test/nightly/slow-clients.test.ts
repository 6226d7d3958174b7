import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { createHash, randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { startBerth } from '../support/berth-process.ts'
import { sha256 } from '../support/images.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { ObjectStore, STORE_PROGRAMS } from '../support/store-server.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const KIB = 1024
const MIB = KIB * KIB
/** Ten minutes at 1 KB/s. */
const SLOW_BYTES = 600 * KIB
const PAUSE_MS = 60_000
const BETWEEN_PAUSES_BYTES = 8 * MIB

setDefaultTimeout(15 * 60_000)

describeWith({ programs: [STORE_PROGRAMS.versitygw] }, 'An honest client that is slow', () => {
  const resources = new AsyncDisposableStack()
  const urls = new Map<string, string>()

  beforeAll(async () => {
    for (const kind of ['a directory', 'a bucket']) {
      const folder = resources.use(new TemporaryFolder())
      const bucket = kind === 'a bucket' ? await resources.use(await ObjectStore.start('versitygw')).newBucket() : undefined
      const data = bucket === undefined ? {} : { dataDirectory: bucket }
      urls.set(kind, resources.use(await startBerth({ folder, ...data })).url)
    }
  })
  afterAll(async () => await resources.disposeAsync())

  test.concurrent.each(['a directory', 'a bucket'])('pushes 1 KB a second for ten minutes to %s', async (kind) => {
    const url = urls.get(kind) ?? ''
    const bytes = randomBytes(SLOW_BYTES)
    const client = new RegistryClient(url)
    const upload = new URL(await client.startUpload('slow'), url)
    upload.searchParams.set('digest', sha256(bytes))

    expect(await pushSlowly(upload, bytes)).toStartWith('HTTP/1.1 201 ')
    const pulled = await client.request('GET', `/v2/slow/blobs/${sha256(bytes)}`)
    expect(sha256(new Uint8Array(await pulled.arrayBuffer()))).toBe(sha256(bytes))
  })

  test.concurrent.each(['a directory', 'a bucket'])('rests for a minute seven times in one pull from %s', async (kind) => {
    const url = urls.get(kind) ?? ''
    const bytes = randomBytes(64 * MIB)
    await new RegistryClient(url).pushBlob('slow', { bytes, digest: sha256(bytes) })

    expect(await pullWithRests(new URL(`/v2/slow/blobs/${sha256(bytes)}`, url), bytes.length)).toBe(sha256(bytes))
  })
})

/** Gives the status line. */
async function pushSlowly(url: URL, bytes: Uint8Array): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = connect(Number(url.port), url.hostname)
  let sent = 0
  const timer = setInterval(() => {
    socket.write(bytes.subarray(sent, sent + KIB))
    sent += KIB
    if (sent >= bytes.length) clearInterval(timer)
  }, 1_000)
  socket.write(`PUT ${url.pathname}${url.search} HTTP/1.1\r\nHost: slow\r\nContent-Length: ${bytes.length}\r\n\r\n`)
  socket.on('data', (answer) => resolve(answer.toString().split('\r\n')[0] ?? ''))
  socket.on('error', reject)
  socket.on('close', () => reject(new Error('the server closed the connection')))
  try {
    return await promise
  } finally {
    clearInterval(timer)
    socket.destroy()
  }
}

/** Gives the digest of what came. */
async function pullWithRests(url: URL, length: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const hash = createHash('sha256')
  const socket = connect(Number(url.port), url.hostname)
  let head = Buffer.alloc(0)
  let received = -1
  let next = BETWEEN_PAUSES_BYTES
  socket.on('data', (chunk: Buffer) => {
    let bytes = chunk
    if (received < 0) {
      head = Buffer.concat([head, chunk])
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) return
      received = 0
      bytes = head.subarray(end + 4)
    }
    hash.update(bytes)
    received += bytes.length
    if (received >= length) return resolve(`sha256:${hash.digest('hex')}`)
    if (received < next) return
    next += BETWEEN_PAUSES_BYTES
    socket.pause()
    setTimeout(() => socket.resume(), PAUSE_MS)
  })
  socket.on('error', reject)
  socket.on('close', () => reject(new Error('the server closed the connection')))
  socket.write(`GET ${url.pathname} HTTP/1.1\r\nHost: slow\r\n\r\n`)
  try {
    return await promise
  } finally {
    socket.destroy()
  }
}
