import { GLOB_RULE, RepositoryGlob } from '../../oci/repository-glob.ts'
import { exact, key, list, optionalKey, optionalSection, section } from './keys.ts'
import { durationMs, oneOf, parsed, text, webUrl } from './values.ts'

/** Whom a rule is about. */
export type WhoConfig =
  | { readonly kind: 'anonymous' | 'authenticated' }
  | { readonly kind: 'user' | 'group' | 'robot'; readonly name: string }

const who = parsed(findWho, 'is nobody; write anonymous, authenticated, user:NAME, group:NAME or robot:NAME')

const admin = parsed(findAdmin, 'can be no admin; write user:NAME or group:NAME')

const repositories = parsed((value) => RepositoryGlob.find(value), GLOB_RULE)

const rule = section({
  who: list(who, {
    about: 'Whom the rule is about: anonymous, authenticated (everyone with a name), user:NAME, group:NAME, robot:NAME.',
    example: "['group:team', 'robot:ci']",
  }),
  repositories: list(repositories, {
    about: 'The repositories, as patterns: * stands for letters within one part of a name, ** for one or more parts.',
    example: "['team/**']",
  }),
  can: list(oneOf('pull', 'push', 'delete', 'list'), {
    about: 'What they can do there, and nothing else; list shows a repository in the catalog, and its tags. Empty: nothing.',
    example: '[pull, push, list]',
  }),
})

/** What each caller may do. Where the section is there, a caller may do nothing that no rule allows. */
export const access = exact(
  optionalSection(
    {
      rules: list(rule, {
        about:
          'What is allowed. The first rule that is about the caller and the repository decides; where none is, nothing is allowed.',
        example: "[{who: [authenticated], repositories: ['**'], can: [pull, list]}]",
      }),
      admins: list(admin, {
        about:
          'Users and groups that may change users, groups and robots by /api/v1 and the page. What they may do with repositories the rules say, as for all others.',
        example: "['group:admins']",
      }),
      service: key(text, {
        default: 'berth',
        example: 'registry.example.com',
        about: 'What clients call this registry when they ask for a token.',
      }),
      realm: optionalKey(webUrl, {
        about: 'Where clients get tokens; /v2/token below the address that they used when left out.',
        example: 'https://registry.example.com/v2/token',
      }),
      tokenlifetime: key(durationMs, {
        default: '15m',
        example: '5m',
        about: 'How long a token is good for; a minute at least. What was begun with it may end later.',
      }),
      refreshlifetime: key(durationMs, {
        default: '8760h',
        example: '168h',
        about: 'How long a client that has logged in may get tokens without the password.',
      }),
    },
    'Who may do what, decided by Berth itself.',
  ),
)

function findWho(value: string): WhoConfig | undefined {
  if (value === 'anonymous' || value === 'authenticated') return { kind: value }
  const [kind, name] = splitOnce(value)
  if (name === '' || (kind !== 'user' && kind !== 'group' && kind !== 'robot')) return undefined
  return { kind, name }
}

function findAdmin(value: string): WhoConfig | undefined {
  const found = findWho(value)
  return found?.kind === 'user' || found?.kind === 'group' ? found : undefined
}

function splitOnce(text: string): readonly [string, string] {
  const colon = text.indexOf(':')
  return colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)]
}
