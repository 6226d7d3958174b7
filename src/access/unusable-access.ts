/** Access cannot be set up as the configuration says. The message is one sentence for the operator. */
export class UnusableAccessError extends Error {
  override readonly name = 'UnusableAccessError'
}
