import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { HOUR_MS, passTime, TEST_POLICY } from '../support/collecting.ts'
import { processCounts, someOf } from '../support/effort.ts'
import {
  catalogOf,
  DIRECTORIES,
  EmptiedRepository,
  NAME,
  OTHER,
  pushImage,
  REMOVAL,
  WRITES,
} from '../support/emptied-repository.ts'
import { dyingAfter, Gate, holdFirst } from '../support/gate.ts'
import { expectStatus } from '../support/registry-client.ts'

/** A repository in which nothing is left goes, beside requests that bring something into it: through one process and through two. */

let lab: EmptiedRepository

describe.each(processCounts('an empty repository'))('an empty repository, through %d processes,', (processes) => {
  beforeEach(async () => {
    lab = await EmptiedRepository.start(processes)
  })
  afterEach(async () => {
    await lab[Symbol.asyncDispose]()
  })

  test('loses its directories and its row, and the names above it that hold nothing else', async () => {
    expect(DIRECTORIES.filter((below) => lab.isThere(`${NAME}/${below}`))).toEqual(DIRECTORIES)

    await lab.collect()

    await lab.expectGone()
    expect(await catalogOf(lab.client)).toEqual({ repositories: ['stays'] })
    expect((await lab.client.request('GET', `/v2/${NAME}/tags/list`)).status).toBe(404)
    expect(lab.pair.collecting.log.lines.at(-1)).toMatchObject({
      message: 'collected what nothing needs',
      fields: { repositories: 1 },
    })
    await pushImage(lab.client, NAME)
    await lab.expectWhole()
  })

  test('goes by `garbage-collect` beside a server as well', async () => {
    const ignore = () => undefined
    const told = { repository: ignore, marksManifest: ignore, marksBlob: ignore, untagged: ignore }

    const { collected } = await lab.pair.collecting.registry.commandCollection.run({
      ...{ removesUntagged: false, dryRun: false, told, signal: new AbortController().signal, onPlan: ignore },
      ...{ graceMs: TEST_POLICY.graceMs, windowMs: TEST_POLICY.windowMs },
    })

    expect(collected.repositories).toBe(1)
    await lab.expectGone()
    await pushImage(lab.client, NAME)
    await lab.expectWhole()
  })

  test('keeps the directories of the repositories below its name, and what is in them', async () => {
    await pushImage(lab.client, `${NAME}/below`)

    await lab.collect()

    expect(DIRECTORIES.filter((below) => lab.isThere(`${NAME}/${below}`))).toEqual([])
    expect((await lab.client.getManifest(`${NAME}/below`, 'v1')).status).toBe(200)
    expect(await lab.row()).toBeUndefined()
  })

  describe.each(Object.entries(WRITES))('beside %s,', (name, write) => {
    test('is waited for at each step of its removal: what was answered is whole', async () => {
      for (const step of someOf(`steps of a removal beside ${name}`, REMOVAL, 3)) {
        await lab.haveItEmpty()
        const goOn = await lab.heldAt(step)
        let isAnswered = false
        const written = write(lab.client, lab).finally(() => {
          isAnswered = true
        })
        // Requests of another kind are answered meanwhile, and uploads to this repository begin.
        for (let count = 0; count < 3; count += 1) {
          const location = await lab.client.startUpload(NAME)
          await expectStatus(await lab.client.request('DELETE', location), 204)
        }
        expect(isAnswered).toBe(false)
        await goOn()
        await (await written)()
      }
    })

    test('stays from the plan of that request on', async () => {
      const gate = new Gate()
      lab.pair.hook = holdFirst(gate, 'before', /^rename berth\/staging.* docker.*repositories/)
      const written = write(lab.client, lab)
      await gate.reached()

      await lab.collect()
      gate.open()

      await (await written)()
      expect(await lab.row()).toMatchObject({ state: '' })
    })

    test('may be left half removed by a kill at any step: the next process takes the request, and removes the rest', async () => {
      const steps = someOf(`kills of a removal beside ${name}`, [...REMOVAL.keys(), REMOVAL.length], 2)
      for (const [round, changes] of steps.entries()) {
        if (round > 0) await lab[Symbol.asyncDispose]()
        if (round > 0) lab = await EmptiedRepository.start(processes)
        const died = new Gate()
        lab.pair.hook = dyingAfter(changes, died)
        const collected = lab.collect().catch(() => undefined)
        await Promise.race([collected, died.reached()])
        await lab.pair.kill(lab.pair.collecting)
        lab.pair.hook = () => undefined
        expect((await lab.row())?.state).not.toBe('leaving')

        await (await write(lab.client, lab))()
        expect(await lab.row()).toMatchObject({ state: '' })

        await lab.pair.collecting.scan()
        await passTime(lab.pair.collecting, HOUR_MS)
        await lab.emptyIt()
        await lab.collect()
        await lab.expectGone()
      }
    })
  })

  test('is not forgotten when a scan finds something in it meanwhile', async () => {
    for (const step of someOf('steps of a removal beside a scan', REMOVAL.slice(0, -1), 3)) {
      await lab.haveItEmpty()
      const goOn = await lab.heldAt(step)
      const { digest } = OTHER.config
      const link = lab.path(`${NAME}/_layers/${digest.replace(':', '/')}/link`)
      mkdirSync(dirname(link), { recursive: true })
      writeFileSync(link, digest)
      await lab.pair.serving.registry.scan.scan(parseRepositoryName(NAME))
      await goOn()

      await expectStatus(await lab.client.getBlob(NAME, digest), 200)
      await pushImage(lab.client, NAME)
      await lab.expectWhole()
    }
  })

  test('is not removed over what another program puts into it meanwhile', async () => {
    for (const file of ['_layers/sha256/aa/link', '_manifests/tags/v2/current/link', '_uploads/1/data', 'file']) {
      for (const step of someOf(`steps of a removal beside ${file}`, REMOVAL.slice(0, -1), 2)) {
        const goOn = await lab.heldAt(step)
        const written = lab.path(`${NAME}/${file}`)
        mkdirSync(dirname(written), { recursive: true })
        writeFileSync(written, 'of another program')
        await goOn()

        expect(readFileSync(written, 'utf8')).toBe('of another program')
        rmSync(lab.path('team'), { recursive: true })
        await pushImage(lab.client, NAME)
        await lab.expectWhole()
        await lab.emptyIt()
      }
    }
  })
})

test('a push beside another one that has made some of the directories, and is killed, leaves all of them, whatever its process remembers', async () => {
  await using two = await EmptiedRepository.start(2)
  await two.collect()
  const gate = new Gate()
  two.pair.hook = holdFirst(gate, 'before', /^mkdir docker.*_manifests$/)
  void pushImage(two.pair.collecting.client, NAME).catch(() => undefined)
  await gate.reached()

  await two.client.pushBlob(NAME, OTHER.config)
  await two.pair.kill(two.pair.collecting)

  await two.expectBlob(OTHER.config)
})
