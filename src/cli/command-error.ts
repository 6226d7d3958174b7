/** A command that cannot do what it was asked. The message is one sentence for the user of the command. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}
