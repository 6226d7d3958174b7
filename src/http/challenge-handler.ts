import type { Handler } from './pipeline.ts'

/** Tokens have 43 letters at Let's Encrypt. Each is part of a file's name, so that a long one would be no question but an error of the disk. */
const CHALLENGE = /^\/\.well-known\/acme-challenge\/([A-Za-z0-9_-]{1,128})$/
const CHALLENGES = '/.well-known/acme-challenge/'
const TEXT = { 'Content-Type': 'text/plain; charset=utf-8' }

/**
 * What is said on port 80: the answers that prove to an ACME server whose name this is (RFC 8555, 8.3), and for everything else, where
 * the registry is. `isOurs` keeps others from having us send people anywhere.
 */
export function createChallengeHandler(
  findAnswer: (token: string) => Promise<string | undefined>,
  isOurs: (host: string) => boolean,
): Handler {
  return async (request) => {
    const url = URL.canParse(request.url) ? new URL(request.url) : undefined
    if (url === undefined || !isOurs(url.hostname))
      return new Response('There is nothing here.\n', { status: 404, headers: TEXT })
    const token = CHALLENGE.exec(url.pathname)?.[1]
    if (token === undefined && !url.pathname.startsWith(CHALLENGES)) {
      const location = `https://${url.hostname}${url.pathname}${url.search}`
      return new Response(`The registry is at ${location}\n`, { status: 308, headers: { ...TEXT, Location: location } })
    }
    const answer = token === undefined ? undefined : await findAnswer(token)
    return answer === undefined
      ? new Response('There is no such question.\n', { status: 404, headers: TEXT })
      : new Response(answer, { headers: { 'Content-Type': 'application/octet-stream' } })
  }
}
