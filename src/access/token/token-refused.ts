/** A token that is not accepted. The message says why, to whoever runs the registry: 'the token is refused because …'. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused'
}
