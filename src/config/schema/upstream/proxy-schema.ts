import type { z } from 'zod'
import { GLOB_RULE, RepositoryGlob } from '../../../oci/repository-glob.ts'
import { key, list, notNeeded, optionalKey, section } from '../keys.ts'
import { byteSize, durationMs, parsed, registryUrl, secret, text } from '../values.ts'
import { way } from './way-schema.ts'

const glob = parsed((value) => RepositoryGlob.find(value), GLOB_RULE)

/** registry:2's section `proxy`, and `tagttl`, `size`, `keep`, `ca` and `httpproxy`, which only Berth has: this registry serves and keeps the content of another one. */
export const proxy = section({
  remoteurl: optionalKey(registryUrl, {
    about: 'The registry whose content is served and kept here; nothing is pushed then. Empty: this registry is its own.',
    example: 'https://registry-1.docker.io',
  }),
  username: optionalKey(text, {
    about:
      'The user name that the other registry is shown; left out, it is shown none. <token>: the password is an identity token.',
    example: 'robot',
  }),
  password: optionalKey(secret, { about: 'The password of that user, or a token in its place.', example: 'secret' }),
  ...way,
  tagttl: key(durationMs, {
    default: '0s',
    example: '5m',
    about: 'For so long a tag that was looked up there is not looked up again; 0s: at every pull, as registry:2 does.',
  }),
  ttl: key(durationMs, {
    default: '168h',
    about:
      'What no client has pulled for so long goes, and comes again when it is pulled; 0: nothing does. registry:2 counts from when it came, whether or not it is pulled.',
    example: '720h',
  }),
  size: optionalKey(byteSize, {
    about:
      'So much of the other registry stays here, each blob counted once. What was pulled least recently goes first. Left out: as much as there is room for.',
    example: '100GiB',
  }),
  keep: list(glob, {
    about: 'Repositories of which all stays, whatever ttl and size say.',
    example: "['library/*']",
  }),
  exec: section({
    command: optionalKey(text, {
      about: "A program of Docker's protocol for credential helpers, which is asked for the credentials.",
      example: '/usr/local/bin/docker-credential-ecr-login',
    }),
    lifetime: optionalKey(durationMs, {
      about: 'For so long they are used; 0s: it is asked each time. Left out: until the other registry refuses them.',
      example: '1h',
    }),
  }),
  cachewritetimeout: notNeeded({
    about: 'How long registry:3 writes a blob after its client has gone.',
    notice: 'Berth fetches a blob to its end, whether or not a client waits.',
  }),
})

/** What is fetched with a password is given to every caller where none is asked for anything. */
export function proxyNotices({ proxy: { remoteurl, username, exec }, auth, access }: ProxyAndAccess): string[] {
  if (remoteurl === undefined) return []
  const isOpen = access === undefined && Object.values(auth).every((kind) => kind === undefined)
  const key = exec.command === undefined ? 'proxy.username' : 'proxy.exec.command'
  const isShown = username !== undefined || exec.command !== undefined
  const open = `${key}: every caller of this registry can pull what this user can pull there, because no auth or access says who may.`
  const passedOver = 'proxy.username is passed over, as in registry:3: proxy.exec.command gives the credentials.'
  return [...(isShown && isOpen ? [open] : []), ...(username !== undefined && exec.command !== undefined ? [passedOver] : [])]
}

interface ProxyAndAccess {
  readonly proxy: z.output<typeof proxy>
  readonly auth: Readonly<Record<string, unknown>>
  readonly access?: unknown
}
