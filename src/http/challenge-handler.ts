import type { Handler } from './pipeline.ts'

const CHALLENGE = /^\/\.well-known\/acme-challenge\/([A-Za-z0-9_-]+)$/
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
    if (token === undefined) {
      const location = `https://${url.hostname}${url.pathname}${url.search}`
      return new Response(`The registry is at ${location}\n`, { status: 308, headers: { ...TEXT, Location: location } })
    }
    const answer = await findAnswer(token)
    return answer === undefined
      ? new Response('There is no such question.\n', { status: 404, headers: TEXT })
      : new Response(answer, { headers: { 'Content-Type': 'application/octet-stream' } })
  }
}
