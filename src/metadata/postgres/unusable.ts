/** The server, or what stands in it, is none that Berth can use. The message says what to do. */
export class PostgresUnusableError extends Error {
  override readonly name = 'PostgresUnusableError'
}
