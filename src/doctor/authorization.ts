import type { Answer } from './answer.ts'
import { Stopped } from './finding.ts'

export interface Credentials {
  readonly user: string
  readonly password: string
}

interface Asking {
  readonly scope: string
  /** Of the registry. */
  readonly url: string
  readonly credentials: Credentials | undefined
  readonly ask: (url: string, headers: Record<string, string>) => Promise<Answer>
}

const LOOKED = 'login'

/** What to send as Authorization, after a challenge. Throws Stopped when it cannot be had. */
export async function authorize(challenge: string, { scope, url, credentials, ask }: Asking): Promise<string> {
  const basic = credentials && `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`
  if (/^basic\b/i.test(challenge)) {
    if (basic !== undefined) return basic
    throw stop(
      'the registry wants a password',
      'Give a user with --user NAME, and the password on standard input with --password-stdin.',
    )
  }
  const realm = parameter(challenge, 'realm')
  if (!/^bearer\b/i.test(challenge) || realm === undefined) {
    throw stop(
      `the challenge is ${challenge}`,
      'Clients understand Basic and Bearer: a proxy or a misconfigured token server wrote this.',
    )
  }
  if (url.startsWith('https:') && realm.startsWith('http:')) {
    throw stop(
      `tokens are given at ${realm}, by plain HTTP`,
      'The registry does not know that clients come by HTTPS: let the proxy send X-Forwarded-Proto, and trust it, or set http.host.',
    )
  }
  const address = new URL(realm, `${url}/`)
  address.searchParams.set('service', parameter(challenge, 'service') ?? '')
  address.searchParams.set('scope', scope)
  const answer = await ask(address.href, basic === undefined ? {} : { Authorization: basic })
  if (answer.status !== 200) {
    const advice = credentials === undefined ? 'Give a user with --user NAME and --password-stdin.' : 'Is the password right?'
    throw stop(`the token server at ${address.host} answers ${answer.status}`, advice)
  }
  const { token, access_token: accessToken } = (await answer.body.json()) as { token?: string; access_token?: string }
  return `Bearer ${token ?? accessToken}`
}

function parameter(challenge: string, name: string): string | undefined {
  return new RegExp(`\\b${name}="([^"]*)"`, 'i').exec(challenge)?.[1]
}

function stop(seen: string, advice: string): Stopped {
  return new Stopped({ looked: LOOKED, outcome: 'bad', seen, advice })
}
