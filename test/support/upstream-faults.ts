import { answer, type Fault, type FaultyExchange } from './faulty-upstream.ts'

/** What comes of a pull of something that is not here. */
export type Outcome =
  /** The right bytes. */
  | 'whole'
  /** 503, or a connection that is cut; the answer or the log says this of the upstream. */
  | { readonly failed: RegExp }
  /** What the upstream answers is passed on. */
  | { readonly status: number; readonly says: RegExp }

export interface FaultRow {
  readonly name: string
  readonly does: Fault
  readonly tag: Outcome
  readonly digest: Outcome
  readonly blob: Outcome
  /** A tag that is here is looked up by HEAD: this fault lets that pass. */
  readonly confirms: boolean
  /** The upstream is waited for so long, where the fault is that it is silent. */
  readonly patienceMs?: number
}

/** Every fault. `store`: another host, which answers as `storeFault` says. */
export function faultRows(store: string): readonly FaultRow[] {
  return [
    ...cuts(),
    ...silences(),
    ...wrongBytes(),
    ...wrongLengths(),
    ...redirects(store),
    ...refusals(),
    ...encodings(),
    ...tokens(store),
  ]
}

/** The host to which redirects lead, which tells from the query how it is to answer, and which gives tokens. */
export const storeFault: Fault = async (exchange) => {
  const { path } = exchange
  if (path.startsWith('/token')) return await giveToken(exchange)
  if (path.endsWith('?as=wrong')) return await otherBit(exchange)
  await answer(exchange, path.endsWith('?as=away') ? { status: 502, bytes: new Uint8Array() } : {})
}

const BROKEN = /does not answer as it should/
const OTHER_MANIFEST = /sent other bytes than those of the manifest/
const OTHER_BLOB = /sends \d+ bytes whose digest is/
const OTHER = { tag: OTHER_MANIFEST, digest: OTHER_MANIFEST, blob: OTHER_BLOB }
const SHORT_MS = 400

/** The blob goes on where it was. */
function cuts(): readonly FaultRow[] {
  const tenths = Array.from({ length: 10 }, (_, tenth): FaultRow => {
    const does = onBody(async (exchange) => {
      // Two manifests are asked for, and one blob.
      if (exchange.earlier > (exchange.kind === 'manifest' ? 1 : 0)) return await answer(exchange)
      await partOf(exchange, tenth / 10)
      exchange.reply.end()
    })
    return { ...failing(`a connection that is cut once, at ${tenth} tenths`, does, BROKEN), blob: 'whole' }
  })
  const always = onBody(async (exchange) => {
    await partOf(exchange, exchange.honest.status === 206 ? 0 : 0.5)
    exchange.reply.end()
  })
  return [...tenths, failing('a connection that is cut at the same byte each time', always, BROKEN)]
}

function silences(): readonly FaultRow[] {
  const inDrops = onBody(async ({ honest: { status, headers, bytes }, reply }) => {
    await reply.head(status, { ...headers, 'content-length': bytes.length })
    const step = Math.ceil(bytes.length / 20)
    for (let at = 0; at < bytes.length; at += step) {
      await reply.write(bytes.subarray(at, at + step))
      await Bun.sleep(5)
    }
    reply.end()
  })
  const half = onBody(async (exchange) => await partOf(exchange, exchange.honest.status === 206 ? 0 : 0.5))
  return [
    passing('bytes that come slowly', inDrops),
    unconfirmed({ ...failing('silence', async () => undefined, /no answer within 0\.4 s/), patienceMs: SHORT_MS }),
    { ...failing('silence in the middle', half, /nothing has come for 0\.4 s/), patienceMs: SHORT_MS },
  ]
}

function wrongBytes(): readonly FaultRow[] {
  const html = Buffer.from('<html><body>Log in to this network first.</body></html>')
  const asHtml = onBody(async (exchange) => {
    const honest = { status: 200, bytes: html, headers: { 'content-type': 'text/html' } }
    await answer({ ...exchange, honest })
  })
  return [
    failing('one other bit', onBody(otherBit), OTHER),
    failing('HTML in the place of everything', asHtml, { ...OTHER, tag: /sends what is no manifest for latest/ }),
    failing(
      'nothing, with 200',
      onBody(async (exchange) => await answer(exchange, { bytes: new Uint8Array() })),
      OTHER,
    ),
  ]
}

async function otherBit(exchange: FaultyExchange): Promise<void> {
  const { bytes } = exchange.honest
  await answer(exchange, { bytes: bytes.map((byte, at) => (at === bytes.length >> 1 ? byte ^ 1 : byte)) })
}

function wrongLengths(): readonly FaultRow[] {
  const longer = (difference: number) =>
    onBody(async ({ honest: { status, headers, bytes }, reply }) => {
      await reply.head(status, { ...headers, 'content-length': bytes.length + difference })
      await reply.write(bytes)
      reply.end()
    })
  const inChunks = (end: string) =>
    onBody(async ({ honest: { status, headers, bytes }, reply }) => {
      const { 'content-length': _, ...others } = headers
      await reply.head(status, { ...others, 'transfer-encoding': 'chunked' })
      await reply.write(Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from(`\r\n${end}`)]))
      reply.end()
    })
  // When all bytes are here, the rest is asked for, and there is none; or the last ones are lost with the connection each time.
  const rest = { tag: BROKEN, digest: BROKEN, blob: /answered 416|, and before \d+,|does not answer as it should/ }
  return [
    failing('a length that is too large', longer(10), rest),
    failing('a length that is too small', longer(-10), OTHER),
    passing('no length', inChunks('0\r\n\r\n')),
    failing('no length and no end', inChunks(''), rest),
  ]
}

function redirects(store: string): readonly FaultRow[] {
  const to = (location: (path: string) => string): Fault => {
    return async (exchange) =>
      await answer(exchange, { status: 307, bytes: new Uint8Array(), headers: { location: location(exchange.path) } })
  }
  return [
    passing(
      'a redirect to another host',
      to((path) => `${store}${path}`),
    ),
    failing(
      'a redirect to another host with other bytes',
      to((path) => `${store}${path}?as=wrong`),
      OTHER,
    ),
    unconfirmed(
      failing(
        'a redirect to another host that fails',
        to((path) => `${store}${path}?as=away`),
        /answered 502/,
      ),
    ),
    unconfirmed(
      failing(
        'redirects without end',
        to((path) => path),
        /sends from one address to the next/,
      ),
    ),
    unconfirmed(
      failing(
        'a redirect to nowhere',
        to(() => 'gopher://nowhere'),
        /sends to an address that is none/,
      ),
    ),
  ]
}

function refusals(): readonly FaultRow[] {
  const answering = (status: number): Fault => {
    return async (exchange) => await answer(exchange, { status, bytes: Buffer.from('<html>'), headers: { 'retry-after': '33' } })
  }
  const passedOn = (status: number, says: RegExp): FaultRow => {
    const outcome = { status, says }
    return {
      name: `the answer ${status}`,
      does: answering(status),
      tag: outcome,
      digest: outcome,
      blob: outcome,
      confirms: false,
    }
  }
  return [
    passedOn(401, /asks for credentials/),
    passedOn(403, /does not allow this registry to pull that/),
    passedOn(404, /has no such (manifest|blob)/),
    passedOn(429, /has had too many requests/),
    ...[400, 500, 502, 503, 504].map((status) =>
      unconfirmed(failing(`the answer ${status}`, answering(status), new RegExp(`answered ${status}`))),
    ),
    unconfirmed(
      failing(
        'what is no HTTP',
        async ({ reply }) => {
          await reply.write('SSH-2.0-none\r\n')
          reply.end()
        },
        BROKEN,
      ),
    ),
    unconfirmed(failing('a connection that is closed without an answer', async ({ reply }) => reply.end(), BROKEN)),
  ]
}

/** A proxy that compresses, or undoes what is compressed, for a client that asked for the bytes as they are. */
function encodings(): readonly FaultRow[] {
  const packed = onBody(async (exchange) => {
    await answer(exchange, { bytes: Bun.gzipSync(exchange.honest.bytes), headers: { 'content-encoding': 'gzip' } })
  })
  const unpacked = onBody(async (exchange) => {
    await answer(exchange, exchange.kind === 'blob' ? { bytes: Bun.gunzipSync(exchange.honest.bytes) } : {})
  })
  const said = onBody(async (exchange) => await answer(exchange, { headers: { 'content-encoding': 'gzip' } }))
  return [
    failing('a proxy that compresses', packed, OTHER),
    { ...failing('a proxy that undoes compression', unpacked, OTHER), tag: 'whole', digest: 'whole' },
    passing('a Content-Encoding that is only said', said),
  ]
}

/** The tokens that were given and not used yet. */
const unused = new Set<string>()

async function giveToken(exchange: FaultyExchange): Promise<void> {
  const token = crypto.randomUUID()
  unused.add(token)
  const how = new URL(exchange.path, 'http://store').searchParams.get('how')
  const body = how === 'html' ? '<html>' : JSON.stringify({ token, expires_in: 300 })
  await answer(exchange, { status: how === 'away' ? 500 : 200, bytes: Buffer.from(body) })
}

/** Each request needs a token of its own: the one before has expired by then, also in the middle of a blob. */
function tokens(store: string): readonly FaultRow[] {
  const challenge = async (exchange: FaultyExchange, how: string) =>
    await answer(exchange, {
      ...{ status: 401, bytes: new Uint8Array() },
      headers: { 'www-authenticate': `Bearer realm="${store}/token?how=${how}",service="s",scope="repository:app:pull"` },
    })
  const expiring: Fault = async (exchange) => {
    const { authorization = '', earlier, kind, honest } = exchange
    if (!unused.delete(authorization.replace('Bearer ', ''))) return await challenge(exchange, 'right')
    if (kind !== 'blob' || honest.status !== 200 || earlier > 1) return await answer(exchange)
    await partOf(exchange, 0.5)
    exchange.reply.end()
  }
  const without = (how: string): Fault => {
    return async (exchange) => await challenge(exchange, how)
  }
  return [
    passing('tokens that have expired by the next request, and a cut in between', expiring),
    unconfirmed(failing('a token server that fails', without('away'), /The token server .* answered 500/)),
    unconfirmed(failing('a token server that sends HTML', without('html'), /The token server .* answers without a token/)),
  ]
}

type Says = RegExp | Readonly<Record<'tag' | 'digest' | 'blob', RegExp>>

function passing(name: string, does: Fault): FaultRow {
  return { name, does, tag: 'whole', digest: 'whole', blob: 'whole', confirms: true }
}

/** What is said of each; the lookup of a tag that is here passes. */
function failing(name: string, does: Fault, says: Says): FaultRow {
  const { tag, digest, blob } = says instanceof RegExp ? { tag: says, digest: says, blob: says } : says
  return { name, does, tag: { failed: tag }, digest: { failed: digest }, blob: { failed: blob }, confirms: true }
}

function unconfirmed(row: FaultRow): FaultRow {
  return { ...row, confirms: false }
}

/** A fault of bodies: what has none is answered as it should be. */
function onBody(fault: Fault): Fault {
  return async (exchange) => {
    const { status } = exchange.honest
    const hasBody = exchange.method === 'GET' && (status === 200 || status === 206)
    await (hasBody ? fault(exchange) : answer(exchange))
  }
}

async function partOf({ honest: { status, headers, bytes }, reply }: FaultyExchange, share: number): Promise<void> {
  await reply.head(status, { ...headers, 'content-length': bytes.length })
  await reply.write(bytes.subarray(0, Math.floor(bytes.length * share)))
}
