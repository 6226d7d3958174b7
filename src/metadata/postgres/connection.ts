import { within } from '../../runtime/deadline.ts'
import type { SqlValue } from '../query.ts'
import type { PostgresStatement } from './dialect.ts'
import { ConnectionLostError, isOfStatement } from './errors.ts'

/** Where the server is, and how it is asked. */
export interface PostgresPlace {
  /** A name or address with a port, or the file of a socket. */
  readonly server: { readonly host: string; readonly port: number } | { readonly socket: string }
  readonly database: string
  readonly user: string
  /** Asked for each new connection, so that a changed password is taken up. Undefined: the server trusts this client. */
  readonly password?: () => Promise<string>
  /** Undefined: not encrypted. With it the server's certificate is verified, by this authority where one is given. */
  readonly tls?: { readonly ca?: string }
  /** The tables stand in a schema of their own. */
  readonly schema: string
}

/** How long the server works on what one connection asks, and waits for it; each is a setting of the server too. */
export interface PostgresLimits {
  readonly connectMs: number
  readonly statementMs: number
  /** For the locks of others. */
  readonly lockMs: number
  /** From the beginning of a transaction to its end. */
  readonly transactionMs: number
  /** A process that stands still inside a transaction keeps the others waiting: the server ends it then. */
  readonly idleInTransactionMs: number
}

export interface SessionOptions {
  /** Settings of the server for this connection, beside its limits. */
  readonly settings?: Readonly<Record<string, string>>
  /** The connection has ended, by whatever. */
  readonly onEnd?: () => void
}

/** What the way to the server and back takes beside the work itself. */
const WAY_MS = 1_000

/**
 * One connection. The runtime's client opens another one by itself when it loses one, in the middle of a transaction too: so each client here has one
 * connection for its life, and one that was lost is never used again.
 */
export class PostgresConnection {
  /** Tells its transactions from those of others. */
  readonly id = crypto.randomUUID()
  readonly #client: Bun.SQL
  readonly #reserved: Bun.ReservedSQL
  readonly #limits: PostgresLimits
  /** Resolves when everything that was sent has been answered, or has failed. */
  #answered: Promise<unknown> = Promise.resolve()
  #lost: ConnectionLostError | undefined

  private constructor(client: Bun.SQL, reserved: Bun.ReservedSQL, limits: PostgresLimits) {
    this.#client = client
    this.#reserved = reserved
    this.#limits = limits
  }

  /** Throws ConnectionLostError when there is no answer in time, and what the server reports. */
  static async open(
    place: PostgresPlace,
    limits: PostgresLimits,
    { settings = {}, onEnd = () => undefined }: SessionOptions = {},
  ): Promise<PostgresConnection> {
    const options = await clientOptions(place, limits, settings).catch((error: unknown) => {
      throw lostBecause(error)
    })
    const client = new Bun.SQL({ ...options, onclose: onEnd })
    try {
      const reserved = await answered(client.reserve(), limits.connectMs)
      return new PostgresConnection(client, reserved, limits)
    } catch (error) {
      await closeClient(client)
      throw isOfStatement(error) || error instanceof ConnectionLostError ? error : lostBecause(error)
    }
  }

  get isLost(): boolean {
    return this.#lost !== undefined
  }

  get lostBecause(): ConnectionLostError | undefined {
    return this.#lost
  }

  /** The rows of one statement, prepared. It is sent at once, also while others have no answer yet: what is sent together is one exchange. */
  async ask<Row>({ text, template, jsonPlaces }: PostgresStatement, values: readonly SqlValue[]): Promise<Row[]> {
    const bound = values.map((value, place) => boundOf(value, jsonPlaces.has(place)))
    const isPrepared = values.length === 0 && template !== undefined
    const rows: Record<string, unknown>[] = await this.#exchange(() =>
      isPrepared ? this.#reserved(template) : this.#reserved.unsafe(text, bound),
    )
    return rows.map(rowOf) as Row[]
  }

  /** One or several statements without values, in an exchange of their own. */
  async control(text: string): Promise<void> {
    await this.#exchange(() => this.#reserved.unsafe(text).simple())
  }

  /** May be repeated. */
  async close(): Promise<void> {
    this.#lost ??= new ConnectionLostError('the connection was closed')
    await closeClient(this.#client)
  }

  /** Whatever is not an answer of the server ends the connection: its next answer might belong to this question. */
  async #exchange<Answer>(ask: () => Bun.SQL.Query<Answer>): Promise<Answer> {
    if (this.#lost !== undefined) throw this.#lost
    try {
      return await this.#inTurn(ask().execute())
    } catch (error) {
      if (isOfStatement(error)) throw error
      this.#lost ??= lostBecause(error)
      await closeClient(this.#client)
      throw this.#lost
    }
  }

  /** The server answers in the order of the questions: the time of each begins when those before it have been answered. */
  async #inTurn<Answer>(question: PromiseLike<Answer>): Promise<Answer> {
    const before = this.#answered
    const limitMs = this.#limits.statementMs + WAY_MS
    const answer = Promise.resolve(question)
    const inTime = before.then(() => answered(answer, limitMs))
    this.#answered = Promise.allSettled([answer, inTime])
    return await inTime
  }
}

async function clientOptions(
  place: PostgresPlace,
  limits: PostgresLimits,
  settings: Readonly<Record<string, string>>,
): Promise<Bun.SQL.PostgresOrMySQLOptions> {
  const { server, database, user, password, tls, schema } = place
  return {
    adapter: 'postgres',
    ...('socket' in server ? { path: server.socket } : { hostname: server.host, port: server.port }),
    ...{ database, username: user, password: (await password?.()) ?? '' },
    ...(tls === undefined ? { tls: false } : { tls: { rejectUnauthorized: true, ...tls } }),
    ...{ max: 1, bigint: true, prepare: true, idleTimeout: 0, maxLifetime: 0 },
    connectionTimeout: Math.ceil(limits.connectMs / 1_000),
    connection: {
      application_name: 'berth',
      search_path: schema,
      statement_timeout: String(limits.statementMs),
      lock_timeout: String(limits.lockMs),
      idle_in_transaction_session_timeout: String(limits.idleInTransactionMs),
      ...settings,
    },
  }
}

async function closeClient(client: Bun.SQL): Promise<void> {
  try {
    await client.close({ timeout: 0 })
  } catch {
    // It rejects what is under way, which its own caller is told.
  }
}

/** The runtime's client waits for ever for a server that says nothing. */
async function answered<Answer>(work: PromiseLike<Answer>, limitMs: number): Promise<Answer> {
  const answer = await within(Promise.resolve(work), limitMs, NO_ANSWER)
  if (answer === NO_ANSWER) throw new ConnectionLostError(`the server did not answer within ${limitMs} ms`)
  return answer
}

const NO_ANSWER = Symbol('no answer')

function lostBecause(cause: unknown): ConnectionLostError {
  if (cause instanceof ConnectionLostError) return cause
  return new ConnectionLostError(cause instanceof Error ? cause.message : String(cause), { cause })
}

/** Escapes that PostgreSQL's JSON refuses: it has no text with a zero byte, and none with half a character. */
const REFUSED_ESCAPES = /(?<=(?:^|[^\\])(?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g

/** In the order of texts the byte 1 comes next. Half a character is what it becomes as a value of its own. */
function instead(found: string): string {
  return found.endsWith('0000') ? '\\u0001' : '\\ufffd'
}

/** Numbers go as texts, which the server reads as the type of their column: the runtime would prepare the statement anew for each size of a number. */
function boundOf(value: SqlValue, isJson: boolean): string | Uint8Array | null {
  if (typeof value === 'number') return String(value)
  if (typeof value !== 'string') return value
  return isJson ? value.replace(REFUSED_ESCAPES, instead) : value.replaceAll('\0', '\x01')
}

/** Whole numbers, booleans as 0 and 1, and bytes as SQLite gives them. */
function rowOf(row: Record<string, unknown>): Record<string, unknown> {
  for (const name in row) {
    const value = row[name]
    if (typeof value === 'bigint' || typeof value === 'boolean') row[name] = Number(value)
    else if (value instanceof Uint8Array) row[name] = new Uint8Array(value)
  }
  return { ...row }
}
