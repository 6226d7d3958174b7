import type { z } from 'zod'
import { key, notNeeded, notYet, optionalKey, section } from './keys.ts'
import { durationMs, registryUrl, secret, text } from './values.ts'

/** registry:2's section `proxy`, and `tagttl`, which only Berth has: this registry serves and keeps the content of another one. */
export const proxy = section({
  remoteurl: optionalKey(registryUrl, {
    about: 'The registry whose content is served and kept here; nothing is pushed then. Empty: this registry is its own.',
    example: 'https://registry-1.docker.io',
  }),
  username: optionalKey(text, {
    about: 'The user name that the other registry is shown; left out, it is shown none.',
    example: 'robot',
  }),
  password: optionalKey(secret, { about: 'The password of that user, or a token in its place.', example: 'secret' }),
  tagttl: key(durationMs, {
    default: '0s',
    example: '5m',
    about: 'For so long a tag that was looked up there is not looked up again; 0s: at every pull, as registry:2 does.',
  }),
  ttl: optionalKey(durationMs, {
    about: 'When registry:2 removes what it has fetched. Berth keeps it.',
    example: '168h',
    notice: (value) =>
      /^0[a-z]*$/.test(value) ? undefined : 'Berth keeps what it has fetched: nothing is removed for its age yet.',
  }),
  exec: notYet({ about: 'A program that prints the credentials.', below: ['command', 'lifetime'] }),
  cachewritetimeout: notNeeded({
    about: 'How long registry:3 writes a blob after its client has gone.',
    notice: 'Berth fetches a blob to its end, whether or not a client waits.',
  }),
})

/** What is fetched with a password is given to every caller where none is asked for anything. */
export function proxyNotices({ proxy: { remoteurl, username }, auth, access }: ProxyAndAccess): string[] {
  const isOpen = access === undefined && Object.values(auth).every((kind) => kind === undefined)
  if (remoteurl === undefined || username === undefined || !isOpen) return []
  return [
    'proxy.username: every caller of this registry can pull what this user can pull there, because no auth or access says who may.',
  ]
}

interface ProxyAndAccess {
  readonly proxy: z.output<typeof proxy>
  readonly auth: Readonly<Record<string, unknown>>
  readonly access?: unknown
}
