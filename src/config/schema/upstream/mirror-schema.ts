import type { z } from 'zod'
import { platformIn } from '../../../oci/image/platform.ts'
import { findRepositoryName } from '../../../oci/name.ts'
import { GLOB_RULE, RepositoryGlob } from '../../../oci/repository-glob.ts'
import { findTagPattern, TAG_PATTERN_RULE } from '../../../oci/tags/tag-selection.ts'
import type { ConfigProblem } from '../../config-error.ts'
import { exact, key, list, oneOrMore, optionalKey, optionalSection, requiredKey, section } from '../keys.ts'
import { boolean, byteSize, durationMs, parsed, registryUrl, secret, spanMs, text } from '../values.ts'
import { way } from './way-schema.ts'

const prefix = parsed(
  findRepositoryName,
  "can be no beginning of a repository name; write lower-case letters, digits, '.', '_' and '-' between '/', as in docker.io",
)

const glob = parsed((value) => RepositoryGlob.find(value), GLOB_RULE)

const sync = optionalSection(
  {
    repositories: list(glob, {
      about:
        'The repositories, by their names there, as patterns; a name without a star is not looked for in a list, which some registries do not give.',
      example: "['library/alpine', 'team/**']",
    }),
    tags: list(
      parsed((value) => findTagPattern(value), TAG_PATTERN_RULE),
      {
        about: 'Their tags, as v*, semver:>=1.2 <2 or newest:3; all of them when left out.',
        example: "['latest', 'semver:>=1.2 <2', 'newest:3']",
      },
    ),
    every: key(spanMs, {
      default: '24h',
      example: '6h',
      about: 'How often it is looked at anew. What did not come is tried again after ten minutes.',
    }),
    platforms: list(
      parsed((value) => platformIn(value), 'is no platform; write it as linux/amd64 or linux/arm/v7'),
      {
        about: 'Of an image index the images for these alone; all of them when left out.',
        example: '[linux/amd64, linux/arm64]',
      },
    ),
    rate: optionalKey(byteSize, {
      about: 'So many bytes in a second at most, of what no client waits for. Left out: as fast as it comes.',
      example: '20MB',
    }),
  },
  'What is brought here before a client asks for it: whole images, with what refers to them. It stays, whatever size and unused say (docs/mirrors.md).',
)

const exec = section({
  command: optionalKey(text, {
    about:
      "A program of Docker's protocol for credential helpers, in place of username and password. It is asked for each address by its own host.",
    example: '/usr/local/bin/docker-credential-ecr-login',
  }),
  lifetime: optionalKey(durationMs, {
    about: 'For so long they are used; 0s: it is asked each time. Left out: until the other registry refuses them.',
    example: '1h',
  }),
})

/** Berth's own: registry:2 passes over a section that it does not know. */
export const mirrors = list(
  exact(
    section({
      prefix: requiredKey(prefix, {
        about: 'The names below which its content is here: with docker.io, docker.io/library/alpine. Nothing is pushed there.',
        example: 'docker.io',
      }),
      url: oneOrMore(registryUrl, {
        about: 'Where the other registry is; several addresses are tried in their order.',
        example: 'https://registry-1.docker.io',
      }),
      username: optionalKey(text, {
        about:
          'The user name that it is shown; left out, it is shown none. <token>: the password is an identity token. Without auth and access, public must be true.',
        example: 'robot',
      }),
      password: optionalKey(secret, { about: 'The password of that user, or a token in its place.', example: 'secret' }),
      exec,
      ...way,
      repositories: list(glob, {
        about: 'The repositories that are fetched, by their names there, as patterns; all of them when left out.',
        example: "['library/*']",
      }),
      ttl: key(durationMs, {
        default: '0s',
        example: '6h',
        about: 'For so long a tag that was looked up there is not looked up again; 0s: it is looked up at every pull.',
      }),
      size: optionalKey(byteSize, {
        about:
          'So much of it stays here, each blob counted once. What was pulled least recently goes first, and comes again when it is pulled. Left out: everything stays.',
        example: '100GiB',
      }),
      unused: optionalKey(spanMs, {
        about: 'What no client has pulled for so long goes. Left out: everything stays.',
        example: '30d',
      }),
      keep: list(glob, {
        about: 'Repositories, by their names there, of which all stays, whatever size and unused say.',
        example: "['library/*']",
      }),
      sync,
      default: key(boolean, {
        default: 'false',
        example: 'true',
        about: 'Pulls of a name without a local repository are answered from it. One mirror at most is the default.',
      }),
      offline: key(boolean, {
        default: 'false',
        example: 'true',
        about: 'The other registry is never asked: what is here is served, and everything else is refused as unavailable.',
      }),
      public: key(boolean, {
        default: 'false',
        example: 'true',
        about: 'Every caller may pull what its credentials can pull, though neither auth nor access says who may do what.',
      }),
    }),
  ),
  {
    about: 'Other registries whose content is pulled through this one, each below a prefix of its own (docs/mirrors.md).',
    example: "[{prefix: docker.io, url: 'https://registry-1.docker.io'}]",
  },
)

type ParsedMirrors = z.output<typeof mirrors>

interface Around {
  /** Neither `auth` nor `access` asks callers for anything. */
  readonly isOpen: boolean
  /** The whole registry is a cache of another one. */
  readonly isCache: boolean
}

export function mirrorProblems(parsedMirrors: ParsedMirrors, { isOpen, isCache }: Around): ConfigProblem[] {
  if (parsedMirrors.length === 0) return []
  const whole = [
    ...(isCache ? ['and proxy.remoteurl exclude each other: with proxy the whole registry is a cache; leave one of them'] : []),
  ].map((message) => ({ path: 'mirrors', message }))
  const each = parsedMirrors.flatMap((mirror, index) => {
    const before = parsedMirrors.slice(0, index)
    return [...problemsOf(mirror, isOpen), ...problemsBeside(mirror, before)].map(([name, message]) => ({
      path: `mirrors.${index}.${name}`,
      message,
    }))
  })
  return [...whole, ...each]
}

type Mirror = ParsedMirrors[number]
type Problem = readonly [key: string, message: string]

function problemsOf(mirror: Mirror, isOpen: boolean): Problem[] {
  const {
    url,
    username,
    exec: { command },
    public: isPublic,
  } = mirror
  const user = username === undefined ? undefined : 'username'
  const shown = command === undefined ? user : 'exec.command'
  const hosts = new Set(url.map((each) => new URL(each)).map(({ protocol, hostname }) => `${protocol}//${hostname}`))
  return [
    ...(url.length === 0 ? [['url', 'must be set'] as const] : []),
    ...(shown !== undefined && isOpen && !isPublic ? [[shown, EVERY_CALLER] as const] : []),
    ...(shown === 'username' && hosts.size > 1 ? [['username', SEVERAL_HOSTS] as const] : []),
    ...(command !== undefined && username !== undefined ? [['username', TWO_SOURCES] as const] : []),
    ...syncProblems(mirror),
  ]
}

function syncProblems({ sync: rule, repositories, offline }: Mirror): Problem[] {
  if (rule === undefined) return []
  const written = rule.repositories.filter((one) => !String(one).includes('*'))
  const isLeftOut = (name: string) => repositories.length > 0 && !repositories.some((one) => one.fits(name))
  const other = written.map(String).find(isLeftOut)
  return [
    ...(offline ? [['sync', 'could never bring anything, because the mirror is offline; leave one of them'] as const] : []),
    ...(rule.repositories.length === 0 ? [['sync.repositories', 'names nothing; write patterns, ** for all'] as const] : []),
    ...(other === undefined
      ? []
      : [['sync.repositories', `names ${other}, which repositories of the mirror leaves out`] as const]),
  ]
}

const EVERY_CALLER =
  'would let every caller pull what it can pull there, because neither auth nor access says who may; set one of them, or public: true'
const SEVERAL_HOSTS =
  'and password are for one host, and url names several; leave one host, or use exec.command, which is asked for each'
const TWO_SOURCES = 'and exec.command both give credentials; leave one of them'

function problemsBeside(mirror: Mirror, before: readonly Mirror[]): Problem[] {
  const other = before.find((one) => isWithin(one.prefix, mirror.prefix) || isWithin(mirror.prefix, one.prefix))
  return [
    ...(other === undefined
      ? []
      : [['prefix', `and the prefix ${other.prefix} of another mirror overlap; choose another one`] as const]),
    ...(mirror.default && before.some((one) => one.default)
      ? [['default', 'is true for another mirror already; leave one'] as const]
      : []),
  ]
}

function isWithin(prefix: string, name: string): boolean {
  return name === prefix || name.startsWith(`${prefix}/`)
}
