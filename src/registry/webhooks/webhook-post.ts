import { type AddressRules, allowedAddress, ForbiddenAddressError } from './allowed-address.ts'

/** GitHub and Stripe wait for as long. */
const ANSWER_WITHIN_MS = 10_000
const MOST_REDIRECTS = 5
/** These send all of the request on; the others make a GET of it. */
const REDIRECTS: ReadonlySet<number> = new Set([307, 308])
/** A receiver that is asked to slow down says for how long. */
const LONGEST_WAIT_SECONDS = 3_600

export interface Posted {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface PostMeans extends AddressRules {
  readonly answerWithinMs?: number
  /** The URL of the HTTP proxy on the way; left out: none. */
  readonly proxy?: string | undefined
  /** The certificates in PEM form of the authorities that are trusted; left out, those of the system. */
  readonly authorities?: string
  readonly signal: AbortSignal
}

export interface PostAnswer {
  readonly status: number
  /** What the receiver asks for with Retry-After. */
  readonly waitSeconds: number | undefined
}

/**
 * Posts to an address that is allowed, and looks anew at each one that a redirect names. Throws when there is no answer in time, ForbiddenAddressError,
 * and the reason of the signal when that aborts.
 */
export async function postToAllowed({ url: first, headers, body }: Posted, means: PostMeans): Promise<PostAnswer> {
  const { signal, answerWithinMs = ANSWER_WITHIN_MS } = means
  const ending = new AbortController()
  const end = () => ending.abort(signal.reason)
  signal.throwIfAborted()
  signal.addEventListener('abort', end, { once: true })
  const timer = setTimeout(() => ending.abort(new Error(`no answer within ${answerWithinMs / 1000} s`)), answerWithinMs)
  try {
    let url = new URL(first)
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
      const response = await postOnce(url, { headers, body }, { ...means, signal: ending.signal })
      const location = REDIRECTS.has(response.status) ? response.headers.get('location') : null
      await response.body?.cancel()
      if (location === null) return { status: response.status, waitSeconds: waitSecondsOf(response) }
      url = redirected(location, url)
    }
    throw new Error(`it sends from one address to the next, more than ${MOST_REDIRECTS} times`)
  } catch (error) {
    throw ending.signal.aborted ? ending.signal.reason : error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
  }
}

/**
 * To the address that was looked at; the name goes along in the Host header and in TLS, which checks the certificate for it. A proxy is asked for the name, and
 * looks it up itself.
 */
async function postOnce(url: URL, { headers, body }: Pick<Posted, 'headers' | 'body'>, means: PostMeans): Promise<Response> {
  const { proxy = false, authorities, signal } = means
  const target = new URL(url)
  target.username = ''
  target.password = ''
  const hostname = proxy === false ? await allowedAddress(url.hostname, means) : await allowedName(url.hostname, means)
  target.hostname = hostname.includes(':') && !hostname.startsWith('[') ? `[${hostname}]` : hostname
  const login = loginIn(url)
  return await fetch(target, {
    method: 'POST',
    headers: { ...headers, 'User-Agent': 'berth', Host: url.host, ...(login === undefined ? {} : { Authorization: login }) },
    body,
    redirect: 'manual',
    proxy,
    tls: { serverName: url.hostname, ...(authorities === undefined ? {} : { ca: authorities }) },
    signal,
  })
}

/** Of a host that a proxy reaches: what can be looked up here must be allowed. In many a network the proxy alone can look up names. */
async function allowedName(hostname: string, rules: AddressRules): Promise<string> {
  try {
    await allowedAddress(hostname, rules)
  } catch (error) {
    if (error instanceof ForbiddenAddressError) throw error
  }
  return hostname
}

/** A name and a password in the URL are a login. */
function loginIn({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined
  return `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`
}

/** Never from HTTPS to plain HTTP. */
function redirected(location: string, from: URL): URL {
  const url = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw new Error('it sends to an address that is none')
  if (from.protocol === 'https:' && url.protocol === 'http:') throw new Error('it sends from HTTPS to plain HTTP')
  return url
}

function waitSecondsOf({ headers }: Response): number | undefined {
  const text = headers.get('retry-after') ?? ''
  return /^\d{1,9}$/.test(text) ? Math.min(Number(text), LONGEST_WAIT_SECONDS) : undefined
}
