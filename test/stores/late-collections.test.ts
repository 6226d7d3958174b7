import { expect, setDefaultTimeout, test } from 'bun:test'
import { IMPATIENT_BERTH } from '../support/berth-program.ts'
import { CollectingStorm } from '../support/collecting-storm.ts'
import { triesAll } from '../support/effort.ts'
import { Fleet } from '../support/fleet.ts'
import { describeOnStores } from '../support/object-store.ts'
import { SeededRandom, seedFor } from '../support/seeded-random.ts'
import { type FaultRule, weather } from '../support/store-faults.ts'
import { StoreProxy } from '../support/store-proxy.ts'
import { filesInBucket } from '../support/stored-files.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(3_600_000)
const CLIENTS = 8
const PROCESSES = 2
/** By hand, `BERTH_COLLECT_SECONDS=600`. */
const SECONDS = Number(process.env.BERTH_COLLECT_SECONDS ?? (triesAll ? 120 : 14))
/** A signature is good for 3 s here, and for 15 in earnest: this stands for a minute. */
const LATEST_MS = 12_000
const RATE = 0.03
const KILL_EVERY_MS = 7_000

/** DELETEs, and PUTs of links: late, twice, or never. */
function lateRequests(random: SeededRandom): FaultRule {
  const byChance = weather(random, {
    rate: RATE,
    faults: [
      () => ({ kind: 'deliver-late', afterMs: random.below(LATEST_MS) }),
      () => ({ kind: 'deliver-again', afterMs: random.below(LATEST_MS), isLost: random.chance(0.5) }),
      () => ({ kind: 'cut-request', afterBytes: 0 }),
      () => ({ kind: 'lose-answer' }),
    ],
  })
  return (request) => {
    const decides = request.action === 'DeleteObject' || (request.action === 'PutObject' && request.key.endsWith('/link'))
    return decides && request.key.startsWith('docker/') ? byChance(request) : undefined
  }
}

describeOnStores('DELETEs and links that come late, twice or never', (store, kind) => {
  test(`from ${CLIENTS} clients and two processes that collect and are killed take nothing from the bucket that was acknowledged, and leave nothing there that nothing needs`, async () => {
    using folder = new TemporaryFolder()
    const bucket = await store().newBucket()
    await using proxy = await StoreProxy.start(bucket.endpoint)
    const place = { ...bucket, endpoint: proxy.endpoint }
    await using fleet = new Fleet(folder, PROCESSES, { bucket: place, berth: IMPATIENT_BERTH })
    await fleet.start()
    const seed = seedFor(`late requests while collecting, on ${kind}`)
    const storm = new CollectingStorm({ fleet, clients: CLIENTS, seed, stored: async () => await filesInBucket(bucket) })
    proxy.use(lateRequests(new SeededRandom(seed)))

    const faulty = () => proxy.seen.filter(({ fault }) => fault !== undefined)
    // One of them: where all have ended the bucket is believed, for another registry may have served it since (docs/decisions/0036-repeated-requests.md).
    const kill = async () => {
      await storm.disaster(async () => await fleet.kill(1, storm.random))
      await fleet.start()
    }
    const kills = await storm.rage(SECONDS * 1_000, KILL_EVERY_MS, kill, () => faulty().length > 0)

    proxy.use()
    await proxy.allDelivered()
    await storm.bucketMadeRight()
    const faults = faulty()
    const late = { faults: faults.length, refusedLate: faults.filter(({ status }) => status === 403).length }
    process.stderr.write(
      `late requests while collecting: ${JSON.stringify({ kills, ...late, ...storm.counts, ...fleet.collected })}\n`,
    )
    expect(await storm.problemsWithEverything()).toEqual([])
    // What a request of the dead left without a row is found by the next start.
    await storm.disaster(async () => await fleet.kill(PROCESSES, storm.random))
    await fleet.start()
    await storm.unneededGone()
    expect(await storm.problemsWithEverything()).toEqual([])
    await fleet.stop()
    expect(late.faults).toBeGreaterThan(0)
    expect(storm.counts.pushed).toBeGreaterThan(0)
  })
})
