import { type AccessController, AccessRefusal, type Action, ANONYMOUS, type Permit } from '../../src/access/access.ts'
import { bearerChallenge } from '../../src/access/challenge.ts'

/** What each name may do where; the name is the whole Authorization header, and '' is the anonymous caller. */
export type AccessTable = Readonly<
  Record<string, { readonly catalog?: Permit['catalog']; readonly may: Readonly<Record<string, readonly Action[]>> }>
>

/** The simplest access that makes use of everything a controller may do, so that tests of what asks it need no passwords. */
export function tableAccess(table: AccessTable): AccessController {
  return {
    permit: (request) => {
      const { authorization: name = '', wanted } = request
      const challenge = () => bearerChallenge({ realm: `${request.origin()}/token`, service: 'test', wanted, error: undefined })
      const entry = table[name]
      if (entry === undefined || (name === '' && wanted.kind === 'base')) {
        throw new AccessRefusal('UNAUTHORIZED', {
          challenge: challenge(),
          ...(name === '' ? {} : { reason: 'unknown', claimed: name }),
        })
      }
      return {
        caller: name === '' ? ANONYMOUS : { kind: 'user', name, groups: [] },
        catalog: entry.catalog ?? 'visible',
        may: (action, repository) => entry.may[repository]?.includes(action) ?? false,
        challenge: () => (name === '' ? challenge() : undefined),
      }
    },
  }
}

/** Every request is one of this user, who may do everything. */
export function userAccess(name: string): AccessController {
  const caller = { kind: 'user', name, groups: [] } as const
  return { permit: () => ({ caller, catalog: 'everything', may: () => true, challenge: () => undefined }) }
}
