import { expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { startBerth } from '../support/berth-process.ts'
import { blobsOf, type Content, type Image, makeImage } from '../support/images.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { poll } from '../support/processes.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const REPOSITORY = 'library/app'
const FIRST = makeImage('fetched by registry:2')
const SECOND = makeImage('fetched by Berth')

/** What registry:2 writes down of what its proxy has fetched: when it is to go, counted from the fetch. */
interface Scheduled {
  readonly Key: string
  readonly ExpiryData: string
  /** 0: a blob, 1: a manifest. */
  readonly EntryType: number
}

describeWith({ programs: [PEER_PROGRAM] }, 'A directory that the proxy of registry:2 has filled', () => {
  test('is taken over with its scheduler-state.json, which stays as it is, and given back: registry:2 lets go of what is due by it', async () => {
    using folder = new TemporaryFolder()
    const data = folder.join('mirror')
    const upstreamData = folder.join('upstream')
    await using upstream = await startPeer({ folder, dataDirectory: upstreamData })
    for (const [tag, image] of [
      ['first', FIRST],
      ['second', SECOND],
    ] as const)
      await push(new RegistryClient(upstream.url), image, tag)
    const moreConfig = `proxy:\n  remoteurl: ${upstream.url}\n`
    const [due] = FIRST.layers
    if (due === undefined) throw new Error('the image has no layers')
    const stateFile = folder.join('mirror/scheduler-state.json')
    const placeOf = ({ digest }: Content) => {
      const hex = digest.slice('sha256:'.length)
      return folder.join('mirror/docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data')
    }

    {
      await using before = await startPeer({ folder, dataDirectory: data, moreConfig })
      await pull(new RegistryClient(before.url), FIRST, 'first')
      await poll('registry:2 has written down what it fetched', 90_000, async () => {
        // registry:2 writes it in place: it is not there yet, or only a part of it.
        const text = existsSync(stateFile) ? readFileSync(stateFile, 'utf8').trim() : ''
        if (!text.endsWith('}}')) return undefined
        const keys = Object.keys(JSON.parse(text))
        return [FIRST.manifest, ...blobsOf(FIRST)].every(({ digest }) => keys.includes(`${REPOSITORY}@${digest}`)) || undefined
      })
    }
    const state = readFileSync(stateFile)
    {
      await using berth = await startBerth({ folder, dataDirectory: data, moreConfig })
      const client = new RegistryClient(berth.url)
      await pull(client, SECOND, 'second')
      await pull(client, FIRST, 'first')
      await upstream.stop()
      await pull(client, FIRST, 'first')
      await pull(client, SECOND, 'second')
    }
    expect(readFileSync(stateFile).equals(state)).toBe(true)

    const key = `${REPOSITORY}@${due.digest}`
    const scheduled = scheduledIn(stateFile)
    writeFileSync(stateFile, JSON.stringify({ ...scheduled, [key]: { ...scheduled[key], ExpiryData: '2020-01-01T00:00:00Z' } }))
    await using again = await startPeer({ folder, dataDirectory: upstreamData })
    const after = { folder, dataDirectory: data, moreConfig: `proxy:\n  remoteurl: ${again.url}\n` }
    {
      await using peer = await startPeer(after)
      await poll('registry:2 lets go of what is due', 90_000, async () => !existsSync(placeOf(due)) || undefined)
      const others = [...blobsOf(FIRST), ...blobsOf(SECOND), FIRST.manifest, SECOND.manifest].filter((each) => each !== due)
      expect(others.filter((content) => !existsSync(placeOf(content)))).toEqual([])
      for (const [image, tag] of [
        [FIRST, 'first'],
        [SECOND, 'second'],
      ] as const)
        await pull(new RegistryClient(peer.url), image, tag)
    }

    await using berth = await startBerth(after)
    await pull(new RegistryClient(berth.url), FIRST, 'first')
    await pull(new RegistryClient(berth.url), SECOND, 'second')
  })
})

function scheduledIn(path: string): Readonly<Record<string, Scheduled>> {
  return JSON.parse(readFileSync(path, 'utf8'))
}

async function push(client: RegistryClient, image: Image, tag: string): Promise<void> {
  for (const blob of blobsOf(image)) await client.pushBlob(REPOSITORY, blob)
  await expectStatus(await client.putManifest(REPOSITORY, tag, image.manifest), 201)
}

async function pull(client: RegistryClient, image: Image, tag: string): Promise<void> {
  const manifest = await expectStatus(await client.getManifest(REPOSITORY, tag), 200)
  expect(Buffer.from(await manifest.bytes()).equals(image.manifest.bytes)).toBe(true)
  for (const blob of blobsOf(image)) {
    const answer = await expectStatus(await client.getBlob(REPOSITORY, blob.digest), 200)
    expect(Buffer.from(await answer.bytes()).equals(blob.bytes)).toBe(true)
  }
}
