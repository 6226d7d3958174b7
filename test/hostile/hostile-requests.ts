import { createHash } from 'node:crypto'
import { sha256 } from '../support/images.ts'
import { sendRaw } from '../support/raw-http.ts'

/** Requests that were found to hold up a process, each with how many of them there are at once. */
export interface HostileRequests {
  readonly title: string
  /** Gives what each was answered. `scale` 1 is for CI; more makes what is sent so many times as large, for a look by hand. */
  send(url: string, scale: number): Promise<readonly string[]>
  readonly expected: string
}

const CONFIG = new TextEncoder().encode('x'.repeat(10))
const CONFIG_DIGEST = sha256(CONFIG)
const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
const DESCRIPTOR = `{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"${CONFIG_DIGEST}","size":10}`
const MIB = 1024 * 1024

export const HOSTILE: readonly HostileRequests[] = [
  manifests('eight manifests of two million numbers', 8, () => manifest(`"layers":[${'1,'.repeat(2_000_000)}1]`), '400'),
  manifests('eight manifests of a million objects', 8, () => manifest(`"layers":[${'{},'.repeat(1_300_000)}{}]`), '400'),
  manifests('eight manifests of 290,000 annotations', 8, () => manifest(`"annotations":{${pairs(290_000)}}`), '400'),
  manifests('eight manifests of two million levels', 8, () => `{"layers":${'['.repeat(4_000_000)}`, '400'),
  manifests(
    'four manifests with all the values that they may have',
    4,
    () =>
      manifest(
        `"layers":[${Array(3_990)
          .fill(annotated(pairs(7)))
          .join()}]`,
      ),
    '201',
  ),
  manifests(
    'four manifests with 4 MiB of annotations, as many as they may have',
    4,
    () => manifest(`"annotations":{${pairs(3_990, 'b'.repeat(1_000))}}`),
    '201',
  ),
  {
    title: 'four manifests that name many different layers',
    async send(url, scale) {
      const digests = Array.from({ length: scale === 1 ? 200 : 3_990 }, (_, index) => sha256(Buffer.from(`layer ${index}`)))
      await eachOf(digests, async (digest, index) => {
        const path = `/v2/hostile/blobs/uploads/?digest=${digest}`
        await ask(url, path, { method: 'POST', body: `layer ${index}` })
      })
      const body = manifest(`"layers":[${digests.map((digest) => DESCRIPTOR.replace(CONFIG_DIGEST, digest)).join()}]`)
      return await atOnce(4, async (index) => await put(url, `/v2/hostile/manifests/m${index}`, body))
    },
    expected: '201',
  },
  {
    title: 'an index of many children, deleted and pushed again',
    async send(url, scale) {
      const children = Array.from({ length: scale === 1 ? 100 : 2_000 }, (_, index) => manifest(`"annotations":{"n":"${index}"}`))
      await eachOf(children, async (child) => {
        const pushed = await put(url, `/v2/hostile/manifests/${sha256(Buffer.from(child))}`, child)
        if (pushed !== '201') throw new Error(`a child was answered ${pushed}`)
      })
      const named = children.map((child) => {
        return `{"mediaType":"${OCI_MANIFEST}","digest":"${sha256(Buffer.from(child))}","size":${Buffer.byteLength(child)}}`
      })
      const index = `{"schemaVersion":2,"mediaType":"${OCI_INDEX}","manifests":[${named.join()}]}`
      const path = `/v2/hostile/manifests/${sha256(Buffer.from(index))}`
      const init = { method: 'PUT', body: index, headers: { 'Content-Type': OCI_INDEX } }
      const first = await status(url, path, init)
      const deleted = await status(url, path, { method: 'DELETE' })
      return [`${first} ${deleted} ${await status(url, path, init)}`]
    },
    expected: '201 202 201',
  },
  {
    title: 'ten lists of referrers over ten manifests with 4 MiB of annotations',
    async send(url) {
      for (let index = 0; index < 10; index += 1) {
        const text = `"subject":${DESCRIPTOR},"annotations":{"a":"${index}${'b'.repeat(4_000_000)}"}`
        await put(url, `/v2/hostile/manifests/r${index}`, manifest(text))
      }
      return await atOnce(10, async () => await status(url, `/v2/hostile/referrers/${CONFIG_DIGEST}`))
    },
    expected: '200',
  },
  {
    title: 'a hundred GETs of a manifest of 4 MiB',
    async send(url) {
      await put(url, '/v2/hostile/manifests/large', manifest(`"annotations":{"a":"${'b'.repeat(4_000_000)}"}`))
      return await atOnce(100, async () => await status(url, '/v2/hostile/manifests/large'))
    },
    expected: '200',
  },
  {
    title: 'a PATCH of many chunks of one byte',
    async send(url, scale) {
      const { path } = await begin(url)
      const head = `PATCH ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n`
      const answer = await sendRaw(url, `${head}${'1\r\nx\r\n'.repeat(100_000 * scale)}0\r\n\r\n`)
      await ask(url, path, { method: 'DELETE' })
      return [answer.slice('HTTP/1.1 '.length, 'HTTP/1.1 '.length + 3)]
    },
    expected: '202',
  },
  {
    title: 'a PUT that closes a session with a digest of another algorithm',
    async send(url, scale) {
      const { path } = await begin(url)
      const hash = createHash('sha512')
      for (let part = 0; part < scale; part += 1) {
        const bytes = Buffer.alloc(32 * MIB, part + 1)
        hash.update(bytes)
        await ask(url, path, { method: 'PATCH', body: bytes })
      }
      return [await status(url, `${path}?digest=sha512:${hash.digest('hex')}`, { method: 'PUT' })]
    },
    expected: '201',
  },
  {
    title: 'fifty GETs of 1,024 ranges',
    async send(url) {
      const bytes = Buffer.alloc(4 * MIB, 'r')
      await ask(url, `/v2/hostile/blobs/uploads/?digest=${sha256(bytes)}`, { method: 'POST', body: bytes })
      const ranges = Array.from({ length: 1024 }, (_, index) => `${index * 4000}-${index * 4000 + 9}`).join(',')
      const headers = { Range: `bytes=${ranges}` }
      return await atOnce(50, async () => await status(url, `/v2/hostile/blobs/${sha256(bytes)}`, { headers }))
    },
    expected: '206',
  },
]

/** What every manifest here names. */
export async function pushConfig(url: string): Promise<void> {
  await ask(url, `/v2/hostile/blobs/uploads/?digest=${CONFIG_DIGEST}`, { method: 'POST', body: CONFIG })
}

/** So many images of one layer, each pushed and pulled one after another: what a process has done before it is attacked. */
export async function pushAndPull(url: string, images: number): Promise<void> {
  for (let index = 0; index < images; index += 1) {
    const layer = Buffer.alloc(100_000, `${index} `)
    const descriptor = `{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"${sha256(layer)}","size":${layer.length}}`
    await ask(url, `/v2/ordinary/blobs/uploads/?digest=${sha256(layer)}`, { method: 'POST', body: layer })
    await ask(url, `/v2/ordinary/blobs/uploads/?digest=${CONFIG_DIGEST}`, { method: 'POST', body: CONFIG })
    const pushed = await put(url, `/v2/ordinary/manifests/t${index}`, manifest(`"layers":[${descriptor}]`))
    if (pushed !== '201') throw new Error(`a plain push was answered ${pushed}`)
    await ask(url, `/v2/ordinary/manifests/t${index}`, {})
    await ask(url, `/v2/ordinary/blobs/${sha256(layer)}`, {})
  }
}

function manifests(title: string, count: number, text: () => string, expected: string): HostileRequests {
  const send = async (url: string) => {
    const body = text()
    return await atOnce(count, async (index) => await put(url, `/v2/hostile/manifests/m${index}`, body))
  }
  return { title, send, expected }
}

function manifest(more: string): string {
  return `{"schemaVersion":2,"mediaType":"${OCI_MANIFEST}","config":${DESCRIPTOR},${more}}`
}

function pairs(count: number, value = 'b'): string {
  return Array.from({ length: count }, (_, index) => `"${index}":"${value}"`).join(',')
}

/** A layer that the registry has. */
function annotated(annotations: string): string {
  return `${DESCRIPTOR.slice(0, -1)},"annotations":{${annotations}}}`
}

async function put(url: string, path: string, body: string): Promise<string> {
  return await status(url, path, { method: 'PUT', body, headers: { 'Content-Type': OCI_MANIFEST } })
}

async function begin(url: string): Promise<{ readonly path: string }> {
  const response = await ask(url, '/v2/hostile/blobs/uploads/', { method: 'POST' })
  return { path: new URL(response.headers.get('location') ?? '', url).pathname }
}

async function status(url: string, path: string, init: RequestInit = {}): Promise<string> {
  return String((await ask(url, path, init)).status)
}

async function ask(url: string, path: string, init: RequestInit): Promise<Response> {
  const response = await fetch(`${url}${path}`, { ...init, signal: AbortSignal.timeout(60_000) })
  await response.arrayBuffer()
  return response
}

/** Sixteen at a time. */
async function eachOf<Item>(items: readonly Item[], send: (item: Item, index: number) => Promise<void>): Promise<void> {
  for (let start = 0; start < items.length; start += 16) {
    await Promise.all(items.slice(start, start + 16).map((item, index) => send(item, start + index)))
  }
}

async function atOnce(count: number, send: (index: number) => Promise<string>): Promise<readonly string[]> {
  return await Promise.all(Array.from({ length: count }, (_, index) => send(index)))
}
