import { expect, setDefaultTimeout, test } from 'bun:test'
import { sizeText } from '../../src/http/page/text/words.ts'
import { pushImage } from '../collect/rows/row.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { blobsOf, makeImage } from '../support/images.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { loseDatabase } from '../support/test-root.ts'

setDefaultTimeout(120_000)

test('the page shows how far a takeover is, and then what the whole registry takes, each blob once', async () => {
  using folder = new TemporaryFolder({ inMemory: true })
  const images = [makeImage('one'), makeImage('two')]
  {
    await using berth = await BerthInProcess.start(folder.join('data'))
    for (const name of ['team/app', 'team/other'])
      for (const [place, image] of images.entries()) await pushImage(berth.client, image, `v${place}`, name)
  }
  loseDatabase(folder.join('data'))
  await using berth = await BerthInProcess.start(folder.join('data'))
  const shown = async (path: string) =>
    await (await berth.client.request('GET', path, { headers: { accept: 'text/html' } })).text()

  const [spaceBefore, homeBefore] = [await shown('/ui/-/space'), await shown('/')]
  await berth.scan()
  await berth.registry.facts.run(new AbortController().signal)
  const [space, home] = [await shown('/ui/-/space'), await shown('/')]

  for (const text of [spaceBefore, homeBefore]) expect(text).toMatch(/<progress max="1" value="[\d.]+">/)
  for (const text of [space, home]) expect(text).not.toContain('<progress')
  const all = new Map(images.flatMap((image) => [...blobsOf(image), image.manifest]).map(({ digest, bytes }) => [digest, bytes]))
  const bytes = [...all.values()].reduce((sum, { length }) => sum + length, 0)
  expect(space).toContain(`${sizeText(bytes)} in ${all.size} blobs, each once`)
})
