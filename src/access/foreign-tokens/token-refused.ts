/** A token that is not accepted. The message says why, for the operator's log: 'the token is refused because …'. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused'
}
