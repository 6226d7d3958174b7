import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { utimesSync } from 'node:fs'
import { DAY_MS } from '../../../test/support/collecting.ts'
import { type Image, makeImage } from '../../../test/support/images.ts'
import { expectStatus } from '../../../test/support/registry-client.ts'
import { RetentionLab } from '../../../test/support/retention-lab.ts'
import { ruleOf as rule } from '../../../test/support/retention-rule.ts'
import { loseDatabase } from '../../../test/support/test-root.ts'

const [one, two, three] = ['one', 'two', 'three'].map((name) => makeImage(name, { layers: 1 })) as [Image, Image, Image]

let lab: RetentionLab

beforeEach(() => {
  lab = new RetentionLab()
})
afterEach(() => lab[Symbol.asyncDispose]())

describe('when something was pushed', () => {
  const rules = [rule('**', 'pr-*', { pushedMs: 7 * DAY_MS })]

  test('is told by its link in the storage where the database is lost, and an impossible time is none', async () => {
    await lab.start({ rules })
    await lab.push([
      [one, 'pr-1'],
      [two, 'pr-2'],
      [three, 'pr-3'],
    ])
    await lab.berth.stop()
    loseDatabase(lab.folder.join('data'))
    const agedTo = (tag: string, ms: number) =>
      utimesSync(
        lab.folder.join(`data/docker/registry/v2/repositories/ci/app/_manifests/tags/${tag}/current/link`),
        ms / 1000,
        ms / 1000,
      )
    agedTo('pr-1', Date.now() - 9 * DAY_MS)
    agedTo('pr-3', 0)
    await lab.start({ rules })

    const found = await lab.decided()

    expect(found['ci/app:pr-1']).toStartWith('goes: ')
    expect(found['ci/app:pr-2']).toStartWith('stays: it was pushed ')
    expect(found['ci/app:pr-3']).toBe('stays: it is not known when it was pushed')
    // The second look has it from the metadata.
    agedTo('pr-1', Date.now())
    expect(await lab.decided()).toEqual(found)
  })

  test('begins anew with each push of the tag, also of the same manifest, and outlives a scan', async () => {
    await lab.start({ rules })
    await lab.push([[one, 'pr-1']])
    await lab.push([[two, 'pr-2']])
    await lab.passDays(8)
    await expectStatus(await lab.berth.client.putManifest('ci/app', 'pr-2', two.manifest), 201)
    await lab.berth.stop()
    await lab.start({ rules })

    await lab.pass()

    expect(await lab.statuses('pr-1', 'pr-2')).toEqual([404, 200])
    expect(lab.berth.log.lines.map(({ message }) => message)).toContain('removed what the rules for tags let go')
  })
})
