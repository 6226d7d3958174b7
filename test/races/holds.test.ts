import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import type { Metadata } from '../../src/metadata/query.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { pushImage } from '../collect/rows/row.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { makeImage } from '../support/images.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const APP = parseRepositoryName('app')
const one = makeImage('one', { layers: 1 })

let folder: TemporaryFolder
let operator: BerthInProcess

beforeEach(async () => {
  folder = new TemporaryFolder({ inMemory: true })
  operator = await BerthInProcess.start(folder.join('data'))
  await pushImage(operator.client, one, 'v1', APP)
  await operator.scan()
})
afterEach(async () => {
  await operator[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

/** Lets work go on once somebody has met it. */
class Gate {
  readonly #met = Promise.withResolvers<void>()
  readonly #open = Promise.withResolvers<void>()
  isArmed = false

  async pass(): Promise<void> {
    if (!this.isArmed) return
    this.isArmed = false
    this.#met.resolve()
    await this.#open.promise
  }

  async met(): Promise<void> {
    await this.#met.promise
  }

  open(): void {
    this.#open.resolve()
  }
}

/** Of one process, whose writes wait at the gate before they begin. */
function waitingAt(gate: Gate): (metadata: Metadata) => Metadata {
  return (metadata) => ({
    read: metadata.read,
    revision: () => metadata.revision(),
    write: async (operation) => {
      await gate.pass()
      return await metadata.write(operation)
    },
  })
}

test.each(['v1', one.manifest.digest])('%s is not deleted that is held before the delete has claimed it', async (reference) => {
  const gate = new Gate()
  await using serving = await BerthInProcess.start(folder.join('data'), { metadata: waitingAt(gate) })
  gate.isArmed = true
  const deleting = serving.client.deleteManifest(APP, reference)
  await gate.met()

  await operator.registry.holding.hold(APP, parseReference(reference))
  gate.open()

  expect((await deleting).status).toBe(403)
  expect((await operator.client.headManifest(APP, reference)).status).toBe(200)
})

test.each(['v1', one.manifest.digest])('%s is not said to be held while a delete is about to remove it', async (reference) => {
  const gate = new Gate()
  const hook = (call: string) => (call.includes('deleted/') ? gate.pass() : undefined)
  await using serving = await BerthInProcess.start(folder.join('data'), { hook })
  gate.isArmed = true
  const deleting = serving.client.deleteManifest(APP, reference)
  await gate.met()

  const holding = operator.registry.holding.hold(APP, parseReference(reference)).then(
    () => 'held',
    (error: Error) => error.message,
  )
  gate.open()

  expect((await deleting).status).toBe(202)
  expect(await holding).toContain('The repository has no ')
  expect(await operator.registry.holds.isHeld(APP, parseReference(reference))).toBe(false)
})
