import { expect, setDefaultTimeout, test } from 'bun:test'
import { expectError } from '../support/answers.ts'
import { AppInTest } from '../support/app-in-test.ts'
import { IMPATIENT_POLICY } from '../support/collecting.ts'
import { type Image, makeImage } from '../support/images.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { pushImage } from './rows/row.ts'

setDefaultTimeout(120_000)

const [one, two] = ['one', 'two'].map((name) => makeImage(name, { layers: 1 })) as [Image, Image]

test('a server does what its configuration says about tags, and refuses what it says to refuse', async () => {
  using folder = new TemporaryFolder()
  const retention = {
    dryrun: false,
    rules: [{ repositories: ['**'], tags: ['v*'], keep: { versions: 1 } }],
    immutable: [{ repositories: ['prod'], tags: ['*'] }],
  }
  await using app = await AppInTest.start(folder, { retention }, { collector: IMPATIENT_POLICY })
  for (const repository of ['team', 'prod']) {
    await pushImage(app.client, one, 'v1', repository)
    await pushImage(app.client, two, 'v2', repository)
  }

  const { fields } = await app.log.line(({ message }) => message === 'removed what the rules for tags let go')

  expect(fields).toMatchObject({ repository: 'team', tags: 1, manifests: 0, first: ['v1'] })
  const statuses = await Promise.all(['v1', 'v2'].map(async (tag) => (await app.client.headManifest('team', tag)).status))
  expect(statuses).toEqual([404, 200])
  await expectError(await app.client.putManifest('prod', 'v1', two.manifest), 403, 'DENIED')
  await expectError(await app.client.deleteManifest('prod', 'v1'), 403, 'DENIED')
})
