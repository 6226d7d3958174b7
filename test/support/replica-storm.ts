import { Churn } from './churn.ts'
import type { PostgresServer } from './postgres-server.ts'
import { poll } from './processes.ts'
import { RegistryClient } from './registry-client.ts'
import type { Replica, Replicas } from './replicas.ts'
import { TcpProxy } from './tcp-proxy.ts'

/** Long enough for what a dead replica had begun to be settled, on a machine that does much else. */
const GOES_ON_MS = 120_000
/** What is acknowledged between one step and the next. */
const BETWEEN = 12
/** The server ends the session of a replica that stands still after 15 s. */
const TAKEN_FOR_DEAD_MS = 18_000

/** A replica that stands still has taken requests, and their clients go on with others. */
const ANSWERED_MS = 20_000

export interface ReplicaStormOptions {
  readonly replicas: Replicas
  readonly server: PostgresServer
  readonly clients: number
  readonly seed: number
}

/** Clients that push, retag, mount, delete and pull through the balancer, while replicas, PostgreSQL and the connections between them fail. */
export class ReplicaStorm implements AsyncDisposable {
  readonly churn: Churn
  /** Answers that no registry may give, whatever fails behind it. */
  readonly wrongAnswers: string[] = []
  readonly #replicas: Replicas
  readonly #resources = new AsyncDisposableStack()
  readonly #firstServer: PostgresServer
  #server: PostgresServer
  #isOver = false

  constructor({ replicas, server, clients, seed }: ReplicaStormOptions) {
    this.#replicas = replicas
    this.#firstServer = server
    this.#server = server
    const client = new JudgingClient(replicas.url, this.wrongAnswers)
    this.churn = new Churn({ clients, seed, anyClient: () => client, mayFail: () => true })
  }

  /** The steps one after the other, then any of them until so much time is over; all clients have ended when it resolves. */
  async run(steps: readonly StormStep[], { atLeastMs = 0 } = {}): Promise<void> {
    await this.churn.fillLibrary(this.#replicas.client)
    const working = this.churn.run(() => this.#isOver)
    const end = performance.now() + atLeastMs
    try {
      await this.#runOnce(steps)
      while (performance.now() < end) await this.#runOnce([this.churn.random.pick(steps)])
    } finally {
      this.#isOver = true
      await working
    }
    await this.#replicas.allServe()
    for (const [index, answer] of this.wrongAnswers.entries()) this.wrongAnswers[index] = this.#withReason(answer)
  }

  async #runOnce(steps: readonly StormStep[]): Promise<void> {
    for (const step of steps) {
      await this.#goesOn()
      await STORM_STEPS[step](this)
      await this.#goesOn()
    }
  }

  async kill(): Promise<void> {
    await this.#replicas.kill(this.#any())
    await this.#goesOn()
    await this.#replicas.add()
  }

  /** `whileStopped`: what happens to it meanwhile. */
  async standStill(whileStopped: (replica: Replica) => Promise<unknown>): Promise<void> {
    const replica = this.#any()
    process.kill(replica.berth.program.pid, 'SIGSTOP')
    try {
      await whileStopped(replica)
      await this.#goesOn()
    } finally {
      process.kill(replica.berth.program.pid, 'SIGCONT')
    }
  }

  async restartServer(signal: 'SIGKILL' | 'SIGQUIT' | 'SIGINT'): Promise<void> {
    await this.#server.stop(signal)
    // What a killed one leaves behind ends by itself, and no other one starts before.
    await poll('a server that starts', GOES_ON_MS, async () => await this.#server.resume().then(isDone, () => undefined))
  }

  /** `lag`: what happens to the way between the two before the first one ends. */
  async failOver(lag: (way: TcpProxy) => Promise<void>): Promise<void> {
    const way = this.#resources.use(await TcpProxy.start(this.#server.port))
    const standby = this.#resources.use(await this.#server.standby(way.port))
    await lag(way)
    await this.#server.stop('SIGQUIT')
    await standby.promote()
    this.#replicas.moveDatabase(standby)
    this.#server = standby
  }

  cutLinks(): void {
    for (const { link } of this.#replicas.all) link.cut()
  }

  holdLinks(): void {
    for (const { link } of this.#replicas.all) link.silence()
  }

  /** What is acknowledged from now on does not come over this way. */
  async goesOnWithout(way: TcpProxy): Promise<void> {
    await way[Symbol.asyncDispose]()
    await this.#goesOn()
  }

  /** The first server goes on as it was before another one took over. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync()
    if (this.#server !== this.#firstServer) await this.#firstServer.resume()
  }

  /** What the replicas that there are have logged for that request. */
  #withReason(answer: string): string {
    const [, id = 'without an id'] = /\(request (\w+)\)/.exec(answer) ?? []
    const lines = this.#replicas.all.flatMap(({ berth }) => berth.program.output.split('\n').filter((line) => line.includes(id)))
    return [answer, ...lines].join('\n')
  }

  #any(): Replica {
    return this.churn.random.pick(this.#replicas.all)
  }

  async #goesOn(): Promise<void> {
    const wanted = this.churn.acknowledged + BETWEEN
    await poll('more that is acknowledged', GOES_ON_MS, async () => (this.churn.acknowledged >= wanted ? true : undefined))
  }
}

export const STORM_STEPS = {
  'a replica is killed, and another one comes': (storm: ReplicaStorm) => storm.kill(),
  'a replica stands still until the server takes it for dead': (storm: ReplicaStorm) =>
    storm.standStill(async () => await Bun.sleep(TAKEN_FOR_DEAD_MS)),
  'a replica stands still, and its connections are gone when it wakes up': (storm: ReplicaStorm) =>
    storm.standStill(async ({ link }) => link.cut()),
  'PostgreSQL is restarted': (storm: ReplicaStorm) => storm.restartServer('SIGINT'),
  'PostgreSQL crashes': (storm: ReplicaStorm) => storm.restartServer('SIGQUIT'),
  'PostgreSQL is killed': (storm: ReplicaStorm) => storm.restartServer('SIGKILL'),
  'a standby takes over': (storm: ReplicaStorm) => storm.failOver(async () => undefined),
  'a standby takes over that lacks the last changes': (storm: ReplicaStorm) => storm.failOver((way) => storm.goesOnWithout(way)),
  'all connections to PostgreSQL are cut': async (storm: ReplicaStorm) => storm.cutLinks(),
  'all connections to PostgreSQL are held': async (storm: ReplicaStorm) => storm.holdLinks(),
} as const

export type StormStep = keyof typeof STORM_STEPS

const isDone = () => true

/** Whatever fails behind a balancer, a registry answers no 5xx but a 503 that says when to try again; what the balancer answers for it is a broken connection. */
class JudgingClient extends RegistryClient {
  readonly #wrong: string[]

  constructor(url: string, wrong: string[]) {
    super(url, ANSWERED_MS)
    this.#wrong = wrong
  }

  override async request(method: string, path: string, init: Pick<RequestInit, 'headers' | 'body'> = {}): Promise<Response> {
    const answer = await super.request(method, path, init)
    if (answer.status < 500) return answer
    const text = `${method} ${path} answered ${answer.status}: ${await answer.text()}`
    const isOfRegistry = answer.headers.has('docker-distribution-api-version')
    const isLater = answer.status === 503 && answer.headers.has('retry-after')
    if (isOfRegistry && !isLater) this.#wrong.push(text)
    throw new Error(isOfRegistry ? text : `the balancer: ${text.replace('answered', 'said')}`)
  }
}
