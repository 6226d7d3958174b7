import { type ErrorCode, type ErrorFacts, RegistryError } from '../oci/errors.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { NameRange } from '../oci/name-ranges.ts'

/** The words of access: the caller, the action, the permit. The decision stands behind `AccessController`. */

/** What one may do with a repository. `list`: see its name in the catalog, and its tags, which `pull` shows too. */
export type Action = 'pull' | 'push' | 'delete' | 'list'

/** What one may do with accounts: nothing, see oneself and make robots of one's own, or all of it. */
export type AccountsRight = 'none' | 'own' | 'all'

/** The sender of a request, as far as it was proven. */
export type Caller =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'user'; readonly name: string; readonly groups: readonly string[] }
  | { readonly kind: 'robot'; readonly name: string }
  /** The bearer of a token of another server, by the name in it, which may be ''. */
  | { readonly kind: 'bearer'; readonly subject: string }

/** What a request is about, as far as access goes. */
export type Wanted =
  /** `/v2/`, where clients find out how to log in. */
  | { readonly kind: 'base' }
  /**
   * `needsName`: the client could have logged in, and gets less than that shows where it has not. `orPulls`: a caller is let in as well that may pull
   * from some repositories, and sees these. `deletes`: a caller that may delete nowhere is not.
   */
  | { readonly kind: 'catalog'; readonly needsName?: boolean; readonly orPulls?: true; readonly deletes?: true }
  /** Users, groups, rules and robots. */
  | { readonly kind: 'accounts'; readonly right: AccountsRight }
  | {
      readonly kind: 'repository'
      readonly repository: RepositoryName
      readonly action: Action
      /** Where a blob would be mounted from: never needed, since the client can upload, but worth asking for in the same breath. */
      readonly mountFrom: RepositoryName | undefined
      /** The upload that the request goes on with or ends: what was begun in time may be finished later. */
      readonly uploadId: string | undefined
      /** What a pull may mean in place of the repository: a token that is good for the one is good for the other, where the rules allow that. */
      readonly standIn?: RepositoryName | undefined
    }

/** What a request says about its sender, and what it asks for. */
export interface AccessRequest {
  /** The Authorization header, as it was sent. */
  readonly authorization: string | undefined
  /** The address it came from; undefined on a unix socket. */
  readonly client: string | undefined
  /** The peer, where that is a proxy which names its client. */
  readonly proxy?: string | undefined
  readonly wanted: Wanted
  /**
   * Where the client believes to be, for addresses in a challenge: `https://registry.example.com`. `assumed` is the scheme where no
   * proxy says which one the client used; left out, that of the connection.
   */
  readonly origin: (assumed?: 'https') => string
}

/** What one caller may do. It is asked at the start of a request: what was let in then runs to its end. */
export interface Permit {
  readonly caller: Caller
  /** What the catalog is to this caller: all of it, the repositories it may list, or forbidden. */
  readonly catalog: 'everything' | 'visible' | 'nothing'
  may(action: Action, repository: RepositoryName): boolean
  /** Left out: no accounts are kept here. */
  readonly accounts?: AccountsRight
  /** The caller may list nothing outside of these, where that is known. */
  listed?(): readonly NameRange[]
  /** The rules about what the caller may list, as a text, where nothing else decides that. */
  listRules?(): string | undefined
  /** Whether the caller may know of a repository, where that is not what the credentials of this request are good for. */
  sees?(repository: RepositoryName): boolean
  /** Whether there can be a repository from which the caller may pull, where that is known. */
  mayPullAnywhere?(): boolean
  /** Whether there can be a repository from which the caller may delete, where that is known. */
  mayDeleteAnywhere?(): boolean
  /** WWW-Authenticate for a caller who could get more with (other) credentials; undefined where logging in again is no use. */
  challenge(request: AccessRequest): string | undefined
  /** What the credentials do allow, for the log, where that is not the same for every request of the caller. */
  describe?(): string
}

/** Turns the credentials of one request into a permit. */
export interface AccessController {
  /**
   * Throws AccessRefusal: UNAUTHORIZED with a challenge for credentials that are missing where none may be, or wrong; TOOMANYREQUESTS
   * for an address that has failed too often; UNAVAILABLE when it could not look. Whether the permit is enough is not its business.
   */
  permit(request: AccessRequest): Permit | Promise<Permit>
}

interface RefusalFacts extends ErrorFacts {
  /** WWW-Authenticate. One alone: clients read the first. */
  readonly challenge?: string
  /** For the log and never for the client: why. Left out where a client only asks how to log in. */
  readonly reason?: string
  /** The name that the client gave, where it was not proven. */
  readonly claimed?: string
}

/** A request that is not let in. */
export class AccessRefusal extends RegistryError {
  readonly challenge: string | undefined
  readonly reason: string | undefined
  readonly claimed: string | undefined

  constructor(code: ErrorCode, { challenge, reason, claimed, ...facts }: RefusalFacts) {
    super(code, facts)
    this.challenge = challenge
    this.reason = reason
    this.claimed = claimed
  }
}

export const ANONYMOUS: Caller = { kind: 'anonymous' }

/** Where no access is configured, every caller may do everything. */
export const OPEN_PERMIT: Permit = {
  caller: ANONYMOUS,
  catalog: 'everything',
  may: () => true,
  challenge: () => undefined,
}

/** As logs name a caller; undefined for one who gave no name. */
export function callerName(caller: Caller): string | undefined {
  switch (caller.kind) {
    case 'anonymous':
      return undefined
    case 'user':
      return caller.name
    case 'robot':
      return `robot:${caller.name}`
    case 'bearer':
      return caller.subject || undefined
  }
}
