import { notNeeded, notYet, optionalSection, requiredKey, section } from './keys.ts'
import { isSection, type Tree } from './tree.ts'
import { text } from './values.ts'

const realm = requiredKey(text, { about: 'What clients show when they ask for a password.', example: 'Registry' })

/** Who may use the registry, in the ways of registry:2. One of them at most has its section. */
export const auth = section({
  none: notNeeded({ about: 'Asks nobody for anything, as without auth.', notice: 'Everybody may do everything.' }),
  htpasswd: optionalSection(
    {
      realm,
      path: requiredKey(text, {
        about: 'The file with a line user:hash for each user, as htpasswd -B writes it. It is made when it is missing.',
        example: '/etc/berth/htpasswd',
      }),
    },
    'Users with passwords, who may do everything.',
  ),
  token: notYet({
    about: 'Users with tokens that another server issues.',
    below: ['realm', 'service', 'issuer', 'rootcertbundle', 'jwks', 'signingalgorithms', 'autoredirect', 'autoredirectpath'],
  }),
  silly: optionalSection(
    {
      realm: requiredKey(text, { about: 'Where a token is to be had.', example: 'https://auth.example.com/token' }),
      service: requiredKey(text, { about: 'What the registry calls itself there.', example: 'registry.example.com' }),
    },
    'Lets everybody in who sends any Authorization header at all: for trying out clients.',
  ),
})

export const AUTH_KINDS = ['htpasswd', 'token', 'silly'] as const

/** `auth: none` and `auth: {None: …}` say nothing; the name of a kind may stand alone, with its keys in variables. */
export function expandAuthName(tree: { [key: string]: Tree }): void {
  if (typeof tree.auth === 'string') tree.auth = { [tree.auth]: null }
  if (!isSection(tree.auth)) return
  for (const kind of Object.keys(tree.auth)) if (kind.toLowerCase() === 'none') delete tree.auth[kind]
}
