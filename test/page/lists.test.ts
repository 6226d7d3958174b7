import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, spyOn, test } from 'bun:test'
import { listen } from '../../src/http/server/server.ts'
import { pushImage } from '../collect/rows/row.ts'
import { CHROMIUM, follow, TestBrowser } from '../support/browser.ts'
import { makeImage } from '../support/images.ts'
import { PageImages } from '../support/page-images.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { RestartableRegistry } from '../support/restartable-registry.ts'

setDefaultTimeout(120_000)

const PAGE = { headers: { accept: 'text/html' } }
const TAGS = 250
const FOLDERS = 30

describeWith({ programs: [CHROMIUM] }, 'lists that do not fit on a page', () => {
  let registry: RestartableRegistry
  let browser: TestBrowser
  let url: string

  beforeAll(async () => {
    registry = await RestartableRegistry.start({ storage: 'inmemory', server: listen })
    url = registry.url ?? ''
    const client = new RegistryClient(url)
    const image = makeImage('one')
    await pushImage(client, image, 'first', 'team/app')
    const images = new PageImages(client)
    for (let number = 0; number < TAGS; number += 1)
      await images.put('team/app', `t${String(number).padStart(4, '0')}`, image.manifest)
    for (let folder = 0; folder < FOLDERS; folder += 1)
      for (const name of ['a', 'b', 'c', 'd']) await pushImage(client, image, 'v1', `f${folder}/${name}`)
    browser = await TestBrowser.start()
  })
  afterEach(() => browser.closeTabs())
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await registry?.[Symbol.asyncDispose]()
  })

  test('100 tags are shown, and the next 100 by a link', async () => {
    const { page } = await browser.open(`${url}/ui/team/app`, { javaScript: false })

    const names = () => page.locator('main td.name code').allTextContents()
    const first = await names()
    await follow(page, () => page.getByRole('link', { name: 'Next 100' }).click())
    const second = await names()

    expect([first.length, second.length]).toEqual([100, 100])
    expect([first.at(-1), second[0], second.at(-1)]).toEqual(['t0150', 't0149', 't0050'])
    expect(await page.locator('main').innerText()).toContain('251 tags')
  })

  test('with JavaScript the rest comes as the reader gets to it', async () => {
    const { page, complaints } = await browser.open(`${url}/ui/team/app`)

    const rows = page.locator('main tbody tr')
    for (const shown of [100, 200]) {
      await rows.nth(shown - 1).scrollIntoViewIfNeeded()
      await rows.nth(shown).waitFor()
    }

    const names = await page.locator('main td.name code').allTextContents()
    expect(names).toHaveLength(TAGS + 1)
    expect(new Set(names).size).toBe(TAGS + 1)
    expect(await page.getByRole('link', { name: 'Next 100' }).count()).toBe(0)
    expect(complaints).toEqual([])
  })

  test('folders stand for what is in them, and lead there', async () => {
    const { page } = await browser.open(url)

    const names = await page.locator('main td.name').allTextContents()
    await follow(page, () => page.getByRole('link', { name: 'f7/' }).click())

    expect(names).toHaveLength(FOLDERS + 1)
    expect(names).toContain('team/')
    expect(new URL(page.url()).pathname).toBe('/ui/f7/')
    expect(await page.locator('main td.name').allTextContents()).toEqual(['a', 'b', 'c', 'd'])
    await page.locator('main td.name').getByRole('link', { name: 'c' }).click()
    expect(new URL(page.url()).pathname).toBe('/ui/f7/c')
    await page.locator('h1').getByRole('link', { name: 'f7' }).click()
    expect(new URL(page.url()).pathname).toBe('/ui/f7/')
  })
})

describe('what a screen asks of the database', () => {
  test('is a fixed number of questions, for a repository of one tag and for one of hundreds', async () => {
    await using registry = await RestartableRegistry.start({ storage: 'inmemory', server: listen })
    const client = new RegistryClient(registry.url ?? '')
    const images = new PageImages(client)
    const tags = Array.from({ length: TAGS }, (_, number) => `t${number}`)
    for (const [name, number] of [
      ['small', 1],
      ['large', TAGS],
    ] as const)
      await images.push(name, tags.slice(0, number), {})
    const { read } = registry.metadata
    const asked = [spyOn(read, 'all'), spyOn(read, 'get')]
    const countOf = async (path: string) => {
      await expectStatus(await client.request('GET', path, PAGE), 200)
      const counts: number[] = []
      // What the registry does in the background asks, too, now and then: the least of several looks is the screen's own.
      while (counts.length < 5) {
        for (const spy of asked) spy.mockClear()
        await expectStatus(await client.request('GET', path, PAGE), 200)
        counts.push(asked.reduce((sum, { mock }) => sum + mock.calls.length, 0))
      }
      return Math.min(...counts)
    }

    const counts: Record<string, readonly number[]> = {}
    for (const screen of ['', ':t0', ':t0/history'])
      counts[screen] = [await countOf(`/ui/small${screen}`), await countOf(`/ui/large${screen}`)]

    for (const [small = 0, large] of Object.values(counts)) {
      expect(small).toBeGreaterThan(1)
      expect(small).toBeLessThan(25)
      expect(large).toBe(small)
    }
  })
})
