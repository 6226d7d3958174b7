import { ENVELOPE_TYPE } from './envelope.ts'
import type { EndpointSettings } from './settings.ts'

/** As many as Go follows. */
const MOST_REDIRECTS = 10
/** 303 is none of them: what it names is the answer to a request that was taken. */
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 307, 308])

/**
 * Posts an envelope, and follows redirects with all of it. Gives the status of the last answer. Throws when there is none in time, and the reason
 * of the signal when that aborts.
 */
export async function postEnvelope(
  { url: first, headers, timeoutMs }: EndpointSettings,
  body: string,
  signal: AbortSignal,
): Promise<number> {
  const ending = new AbortController()
  const end = () => ending.abort(signal.reason)
  signal.throwIfAborted()
  signal.addEventListener('abort', end, { once: true })
  const timer = setTimeout(() => ending.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
  try {
    let url = new URL(first)
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
      const sent = isSameServer(url, new URL(first)) ? headers : {}
      const { status, location } = await postOnce(url, { headers: sent, body, signal: ending.signal })
      if (location === null) return status
      if (!URL.canParse(location, url.href)) throw new Error('it sends to an address that is none')
      url = new URL(location, url)
    }
    throw new Error(`it sends from one address to the next, more than ${MOST_REDIRECTS} times`)
  } catch (error) {
    throw ending.signal.aborted ? ending.signal.reason : error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
  }
}

interface Sent {
  readonly headers: EndpointSettings['headers']
  readonly body: string
  readonly signal: AbortSignal
}

async function postOnce(url: URL, { headers, body, signal }: Sent) {
  const all = new Headers({ 'User-Agent': 'berth', 'Content-Type': ENVELOPE_TYPE })
  const login = loginIn(url)
  if (login !== undefined) all.set('Authorization', login)
  for (const [name, values] of Object.entries(headers)) {
    all.delete(name)
    for (const value of values) all.append(name, value)
  }
  const bare = new URL(url)
  bare.username = ''
  bare.password = ''
  const response = await fetch(bare, { method: 'POST', headers: all, body, redirect: 'manual', signal })
  await response.body?.cancel()
  return { status: response.status, location: REDIRECTS.has(response.status) ? response.headers.get('location') : null }
}

/** A name and a password in the address are a login, as for registry:2. */
function loginIn({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined
  return `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`
}

/** The configured headers may be secrets: they go to this host alone, and from HTTPS never to plain HTTP. */
function isSameServer(url: URL, first: URL): boolean {
  return url.hostname === first.hostname && (url.protocol === first.protocol || url.protocol === 'https:')
}
