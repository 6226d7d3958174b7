import { isSection, type Tree } from '../source/tree.ts'
import { exact, key, list, notNeeded, optionalKey, optionalSection, requiredKey, section } from './keys.ts'
import { boolean, filled, oneOf, text, urlPath } from './values.ts'

/** RFC 7518 and RFC 8037; `none` is not among them. */
export const SIGNING_ALGORITHMS = [
  ...(['EdDSA', 'ES256', 'ES384', 'ES512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const),
  ...(['HS256', 'HS384', 'HS512'] as const),
] as const

const realm = requiredKey(text, { about: 'What clients show when they ask for a password.', example: 'Registry' })

/** Who may use the registry, in the ways of registry:2. One of them at most has its section; a way that there is not must not let everyone in. */
export const auth = exact(
  section({
    none: notNeeded({ about: 'Asks no client for anything, as without auth.', notice: 'Every client may do everything.' }),
    htpasswd: optionalSection(
      {
        realm,
        path: requiredKey(filled, {
          about: 'The file with a line user:hash for each user, as htpasswd -B writes it. It is made when it is missing.',
          example: '/etc/berth/htpasswd',
        }),
      },
      'Users with passwords, who may do everything.',
    ),
    token: optionalSection(
      {
        realm: requiredKey(text, { about: 'Where clients get a token.', example: 'https://auth.example.com/token' }),
        service: requiredKey(text, { about: 'What the registry calls itself there.', example: 'registry.example.com' }),
        issuer: requiredKey(text, { about: 'What the server calls itself in its tokens.', example: 'auth.example.com' }),
        rootcertbundle: optionalKey(text, {
          about: 'Certificates whose keys may sign tokens, and which may vouch for certificates that do.',
          example: '/etc/berth/auth.pem',
        }),
        jwks: optionalKey(text, {
          about: 'A JSON Web Key Set with keys that may sign tokens.',
          example: '/etc/berth/jwks.json',
        }),
        signingalgorithms: list(oneOf(...SIGNING_ALGORITHMS), {
          about: 'How tokens may be signed; empty: in every way that there is.',
          example: '[ES256, RS256]',
        }),
        autoredirect: key(boolean, {
          default: 'false',
          example: 'true',
          about: 'Clients get their token from the host that they asked, in place of realm.',
        }),
        autoredirectpath: key(urlPath, {
          default: '/auth/token',
          example: '/token',
          about: 'The path there.',
        }),
      },
      'Users with tokens that another server issues, who may do what those say.',
    ),
    silly: optionalSection(
      {
        realm: requiredKey(text, { about: 'Where a token is to be had.', example: 'https://auth.example.com/token' }),
        service: requiredKey(text, { about: 'What the registry calls itself there.', example: 'registry.example.com' }),
      },
      'Lets everybody in who sends any Authorization header at all: for trying out clients.',
    ),
  }),
  'here',
)

export const AUTH_KINDS = ['htpasswd', 'token', 'silly'] as const

/** `auth: none` and `auth: {None: …}` say nothing; the name of a kind may stand alone, with its keys in variables. */
export function expandAuthName(tree: { [key: string]: Tree }): void {
  if (typeof tree.auth === 'string') tree.auth = tree.auth === '' ? {} : { [tree.auth]: null }
  if (!isSection(tree.auth)) return
  for (const kind of Object.keys(tree.auth)) if (kind.toLowerCase() === 'none') delete tree.auth[kind]
}
