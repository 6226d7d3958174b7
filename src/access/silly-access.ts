import { type AccessController, AccessRefusal, type AccessRequest, type Permit } from './access.ts'
import { bearerChallenge } from './challenge.ts'
import { everything } from './htpasswd-access.ts'

/** `auth.silly`: a caller that sends any Authorization header may do everything. For trying out clients. */
export class SillyAccess implements AccessController {
  readonly #realm: string
  readonly #service: string

  constructor({ realm, service }: { readonly realm: string; readonly service: string }) {
    this.#realm = realm
    this.#service = service
  }

  permit({ authorization, wanted }: AccessRequest): Permit {
    if (authorization !== undefined && authorization !== '') return everything({ kind: 'user', name: 'silly', groups: [] })
    const challenge = bearerChallenge({ realm: this.#realm, service: this.#service, wanted, error: undefined })
    throw new AccessRefusal('UNAUTHORIZED', { challenge })
  }
}
