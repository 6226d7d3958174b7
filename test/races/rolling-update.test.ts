import { expect, setDefaultTimeout, test } from 'bun:test'
import { lastThatChanges, MIGRATIONS, versionAfter } from '../../src/metadata/sqlite/migrations.ts'
import { ADDING_BERTH, CHANGING_BERTH, HURRIED_BERTH } from '../support/berth-program.ts'
import { Churn } from '../support/churn.ts'
import { someOf } from '../support/effort.ts'
import { blobsOf, type Image, makeImage } from '../support/images.ts'
import { NginxBalancer } from '../support/nginx-balancer.ts'
import { describeOnStores } from '../support/object-store.ts'
import { becomes } from '../support/possible-registry.ts'
import { describeOnOwnPostgres } from '../support/postgres-suite.ts'
import { poll } from '../support/processes.ts'
import { pushImage, RegistryClient } from '../support/registry-client.ts'
import { isReady, Replicas } from '../support/replicas.ts'
import { describeWith } from '../support/requirements.ts'
import { seedFor } from '../support/seeded-random.ts'
import { manifestKey, THERE, tagKey } from '../support/shown.ts'

setDefaultTimeout(300_000)

const MORE_MS = 60_000
/** Answers between one step of the update and the next. */
const BETWEEN = 20
const PRESENT = versionAfter(MIGRATIONS)
/** The words that start an earlier version of Berth, `bun <its work tree>/test/support/berth-with-times.ts hurried`, which this one is to replace. */
const EARLIER = process.env.BERTH_TEST_EARLIER?.split(' ')

interface Update {
  readonly title: string
  readonly from?: readonly string[]
  readonly to: readonly string[]
  /** Whether pushes wait for the end of the last one of before; undefined: either. */
  readonly waits: boolean | undefined
  /** The version of the tables afterwards, and the oldest one that goes on with them. */
  readonly tables: { readonly schema: number; readonly oldest: number }
}

const ADDING: Update = {
  title: 'only adds to the tables fails no request',
  to: ADDING_BERTH,
  waits: false,
  tables: { schema: PRESENT + 1, oldest: lastThatChanges(MIGRATIONS) ?? 0 },
}
const CHANGING: Update = {
  title: 'changes the tables goes on with pulls, and has pushes wait for the last one of before',
  to: CHANGING_BERTH,
  waits: true,
  tables: { schema: PRESENT + 1, oldest: PRESENT + 1 },
}
const UPDATES: readonly Update[] =
  EARLIER === undefined
    ? someOf('updates of replicas', [ADDING, CHANGING], 1)
    : [
        {
          ...ADDING,
          title: 'is this one',
          from: EARLIER,
          to: HURRIED_BERTH,
          waits: undefined,
          tables: { schema: PRESENT, oldest: expect.any(Number) },
        },
      ]

describeWith({ programs: ['nginx'] }, 'an update of replicas, one after the other, behind nginx', () => {
  describeOnOwnPostgres('over PostgreSQL', (server) => {
    describeOnStores('and a bucket', (store) => {
      test.each(UPDATES)('to a version that $title', async ({ from, to, waits, tables }) => {
        let balancer: NginxBalancer | undefined
        const start = async (ports: () => readonly number[]) => (balancer = await NginxBalancer.start(ports))
        const places = { bucket: await store().newBucket(), server: server(), balancer: start }
        await using replicas = await Replicas.start(3, { ...places, ...(from && { berth: from }) })
        const client = new WatchedClient(replicas.url)
        const churn = new Churn({
          clients: 3,
          seed: seedFor('a rolling update'),
          anyClient: () => client,
          mayFail: () => waits !== false,
        })
        const image = makeImage('pulled')
        await pushImage(replicas.client, 'pulled', image, 'latest')
        const { digest } = image.manifest
        const effects = [becomes(manifestKey('pulled', digest), THERE), becomes(tagKey('pulled', 'latest'), digest)]
        churn.possible.acknowledge(effects, churn.possible.snapshot(effects))
        await churn.fillLibrary(replicas.client)
        let isOver = false
        const working = [churn.run(() => isOver), pull(client, image, () => isOver)]
        const more = async () => {
          const wanted = client.answers + BETWEEN
          await poll('more answers', MORE_MS, async () => (client.answers >= wanted ? true : undefined))
        }

        try {
          for (const old of [...replicas.all]) {
            await more()
            const added = await replicas.add(to)
            await isReady(added)
            await balancer?.moveTo(replicas.all.filter((each) => each !== old).map((each) => each.berth.port))
            await more()
            await replicas.end(old)
          }
          await replicas.allServe()
          const { acknowledged } = churn
          await poll('more that is acknowledged', MORE_MS, async () => (churn.acknowledged > acknowledged ? true : undefined))
        } finally {
          isOver = true
          await Promise.all(working)
        }

        expect(client.failures).toEqual([])
        if (waits !== undefined) expect(client.waits > 0).toBe(waits)
        expect(churn.problems).toEqual([])
        expect(await churn.problemsWithChanges(replicas.client, { isSettled: false })).toEqual([])
        expect(await churn.problemsWithEverything(replicas.client)).toEqual([])
        expect(await versions(replicas)).toEqual(tables)
      })

      async function versions({ tables }: Replicas) {
        const rows = await server().ask<{ name: string; value: string }>(
          `SELECT name, value FROM ${tables.schema}.property WHERE name IN ('schema', 'oldest')`,
        )
        return Object.fromEntries(rows.map(({ name, value }) => [name, Number(value)]))
      }
    })
  })
})

/** By tag, by digest, then each blob, again and again. */
async function pull(client: RegistryClient, image: Image, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    for (const reference of ['latest', image.manifest.digest]) await (await client.getManifest('pulled', reference)).bytes()
    for (const { digest } of blobsOf(image)) await (await client.getBlob('pulled', digest)).bytes()
  }
}

/** Whatever an update may do: a change waits with a 503 that says how long. Anything else that no registry answers, and any broken connection, is noted. */
class WatchedClient extends RegistryClient {
  readonly failures: string[] = []
  answers = 0
  waits = 0

  override async request(method: string, path: string, init: Pick<RequestInit, 'headers' | 'body'> = {}): Promise<Response> {
    // nginx closes connections that are kept when it takes up another configuration.
    const headers = { ...Object.fromEntries(new Headers(init.headers)), connection: 'close' }
    const answer = await super.request(method, path, { ...init, headers }).catch((error: unknown) => {
      this.failures.push(`${method} ${path}: ${error}`)
      throw error
    })
    this.answers += 1
    if (answer.status < 500) return answer
    const text = `${method} ${path} answered ${answer.status}: ${await answer.clone().text()}`
    const isChange = method !== 'GET' && method !== 'HEAD'
    if (isChange && answer.status === 503 && answer.headers.has('retry-after')) this.waits += 1
    else this.failures.push(text)
    return answer
  }
}
