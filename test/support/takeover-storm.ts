import type { RegistryClient } from './registry-client.ts'
import { SeededRandom } from './seeded-random.ts'
import { StreamedBody } from './streamed-body.ts'

interface Storm {
  readonly clients: readonly RegistryClient[]
  readonly sessions: number
  /** Requests that take each session over, one after the other, while those before them still send. */
  readonly takeovers: number
  readonly chunkBytes: number
  readonly seed: number
}

/**
 * Requests that take sessions over from each other and end in any order: some whole, some broken off, some after the session was cancelled
 * or closed with a wrong digest. At its end every session is cancelled. Gives the statuses of those that were not broken off.
 */
export async function storm({ clients, sessions, takeovers, chunkBytes, seed }: Storm): Promise<number[]> {
  const random = new SeededRandom(seed)
  const statuses: number[] = []
  const count = async (response: Promise<Response>) => {
    const { status } = await response
    statuses.push(status)
  }
  await Promise.all(
    Array.from({ length: sessions }, async () => {
      const location = await random.pick(clients).startUpload('storm')
      const open: { readonly body: StreamedBody; readonly ended: Promise<void> }[] = []
      for (let number = 0; number < takeovers; number += 1) {
        const body = new StreamedBody()
        const isBroken = random.below(3) === 0
        const response = random.pick(clients).request('PATCH', location, { body: body.stream })
        const ended = isBroken ? response.then(undefined, () => undefined).then(() => undefined) : count(response)
        open.push({ body, ended })
        body.send(new Uint8Array(chunkBytes).fill(number))
        for (let turn = random.below(20); turn > 0; turn -= 1) await Bun.sleep(0)
        if (isBroken) body.breakOff()
        else if (random.below(2) === 0) body.end()
        else continue
        open.pop()
        await ended
      }
      const wrong = `${location}?digest=sha256:${'0'.repeat(64)}`
      if (random.below(2) === 0) await count(random.pick(clients).request('PUT', wrong, { body: new Uint8Array(chunkBytes) }))
      const cancel = async () => await count(cancelled(random.pick(clients), location))
      if (random.below(2) === 0) await cancel()
      for (const { body, ended } of open.sort(() => random.below(2) - 0.5)) {
        body.send(new Uint8Array(chunkBytes))
        body.end()
        await ended
      }
      await cancel()
    }),
  )
  return statuses
}

const MOST_CANCELS = 20

/** As a client does that is told to try again: a store that is busy for a moment answers 503. */
async function cancelled(client: RegistryClient, location: string): Promise<Response> {
  for (let tries = 1; ; tries += 1) {
    const response = await client.request('DELETE', location)
    if (response.status !== 503 || tries === MOST_CANCELS) return response
    await response.bytes()
  }
}
