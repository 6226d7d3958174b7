import { expect, setDefaultTimeout, test } from 'bun:test'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { triesAll } from '../support/effort.ts'
import { type Content, contentOf, descriptorOf, jsonContent } from '../support/images.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { loseDatabase } from '../support/test-root.ts'

setDefaultTimeout(30 * 60_000)

/** As many as a search for all cases tries; else a tenth. */
const MANIFESTS = triesAll ? 3_000 : 300
const REPOSITORIES = 15
const OCI = 'application/vnd.oci.image.manifest.v1+json'
const INDEX = 'application/vnd.oci.image.index.v1+json'
const CONFIG = 'application/vnd.oci.image.config.v1+json'
const LAYER = contentOf('application/vnd.oci.image.layer.v1.tar+gzip', Buffer.from('a layer that all have'))
const API = '/api/v1/repositories'

interface Pushed {
  readonly repository: string
  readonly tag: string
  readonly blobs: readonly Content[]
  readonly manifests: readonly Content[]
}

/** Images of every kind: described by annotations, by labels, by nothing; hostile, for two platforms, and no images at all. */
function pushedAs(number: number): Pushed {
  const place = { repository: `team-${number % REPOSITORIES}/app`, tag: `v${number}` }
  const labels = {
    'org.opencontainers.image.description': `Service ${number}`,
    hostile: '<script>\u202e\u0000',
    number: `${number}`,
  }
  const config = jsonContent(CONFIG, {
    ...{ created: new Date(1_600_000_000_000 + number * 86_400_000).toISOString(), os: 'linux', architecture: 'amd64' },
    ...{ config: { Labels: labels, Env: ['A=secret'], Entrypoint: [`/app-${number}`], ExposedPorts: { '80/tcp': {} } } },
    history: [{ created_by: `RUN build ${number}` }, { created_by: 'ENV A=secret', empty_layer: true }],
  })
  const body = { schemaVersion: 2, mediaType: OCI, config: descriptorOf(config), layers: [descriptorOf(LAYER)] }
  const image = jsonContent(OCI, body)
  const blobs = [config, LAYER]
  switch (number % 5) {
    case 0:
      return { ...place, blobs, manifests: [image] }
    case 1: {
      const annotations = {
        'org.opencontainers.image.title': `Title ${number}`,
        'org.opencontainers.image.base.name': 'debian:12',
      }
      return { ...place, blobs, manifests: [jsonContent(OCI, { ...body, annotations })] }
    }
    case 2: {
      const broken = contentOf(CONFIG, Buffer.from(`{"created": ${number}`))
      return { ...place, blobs: [broken, LAYER], manifests: [jsonContent(OCI, { ...body, config: descriptorOf(broken) })] }
    }
    case 3: {
      const child = { ...descriptorOf(image), platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } }
      return {
        ...place,
        blobs,
        manifests: [image, jsonContent(INDEX, { schemaVersion: 2, mediaType: INDEX, manifests: [child] })],
      }
    }
    default: {
      const chart = jsonContent('application/vnd.cncf.helm.config.v1+json', { name: `chart-${number}`, version: '1.0.0' })
      return { ...place, blobs: [chart, LAYER], manifests: [jsonContent(OCI, { ...body, config: descriptorOf(chart) })] }
    }
  }
}

/** Repositories side by side. What all images have comes first, and once: registry:2 loses one of two pushes of a blob that meet. */
async function pushAll(client: RegistryClient, all: readonly Pushed[]): Promise<void> {
  const byRepository = Map.groupBy(all, ({ repository }) => repository)
  for (const repository of byRepository.keys()) await client.pushBlob(repository, LAYER)
  const pushes = [...byRepository.values()].map(async (some) => {
    for (const { repository, tag, blobs, manifests } of some) {
      for (const blob of blobs) if (blob !== LAYER) await client.pushBlob(repository, blob)
      for (const manifest of manifests) {
        const reference = manifest === manifests.at(-1) ? tag : manifest.digest
        await expectStatus(await client.putManifest(repository, reference, manifest), 201)
      }
    }
  })
  await Promise.all(pushes)
}

const signal = new AbortController().signal

async function scanAll(berth: BerthInProcess): Promise<void> {
  await berth.scan()
  await berth.registry.facts.run(signal)
  await berth.registry.remarks.run(signal)
}

/** All that the API says of each image, but for when its tag moved and how often it is pulled. */
async function shownBy({ client }: BerthInProcess, all: readonly Pushed[]): Promise<ReadonlyMap<string, unknown>> {
  const shown = new Map<string, unknown>()
  for (const { repository, tag } of all) {
    const answer = await expectStatus(await client.request('GET', `${API}/${repository}/image?tag=${tag}`), 200)
    const { pulls: _, ...image } = (await answer.json()) as Record<string, unknown>
    shown.set(`${repository}:${tag}`, image)
  }
  for (const repository of new Set(all.map((pushed) => pushed.repository))) {
    const answer = await expectStatus(await client.request('GET', `${API}/${repository}/tags?n=1000`), 200)
    const { tags } = (await answer.json()) as { tags: Record<string, unknown>[] }
    shown.set(
      repository,
      tags.map(({ moved: _moved, pulls: _pulls, ...tag }) => tag),
    )
  }
  return shown
}

describeWith({ programs: [PEER_PROGRAM] }, 'a directory of registry:2', () => {
  test(`with ${MANIFESTS} manifests shows the same facts after the scan as after a push, and after the database was lost as before`, async () => {
    using folder = new TemporaryFolder({ inMemory: true })
    const all = Array.from({ length: MANIFESTS }, (_, number) => pushedAs(number))
    const pushed = await (async () => {
      await using berth = await BerthInProcess.start(folder.join('pushed'))
      await pushAll(berth.client, all)
      // Lists wait for it, and not for long.
      await berth.scan()
      return await shownBy(berth, all)
    })()
    {
      const peer = await startPeer({ folder, dataDirectory: folder.join('data') })
      await pushAll(new RegistryClient(peer.url), all)
      await peer.stop()
    }

    const told = async (berth: BerthInProcess) => {
      const of = async (path: string) => (await (await berth.client.request('GET', path)).json()) as Record<string, unknown>
      const { description, stars, pulls } = await of(`${API}/team-0/app`)
      const progress = await of('/api/v1/progress')
      const { repositories } = (await of(`${API}?q=payment`)) as { repositories: { name: string }[] }
      return { description, stars, pulls, progress, found: repositories.map(({ name }) => name) }
    }
    const before = await (async () => {
      await using berth = await BerthInProcess.start(folder.join('data'))
      await scanAll(berth)
      expect(await shownBy(berth, all)).toEqual(pushed)
      const { remarks, retention, pullRecords } = berth.registry
      await remarks.describe('team-0/app' as never, 'Payment service', 'alice')
      for (const user of ['alice', 'bob']) await remarks.star('team-0/app' as never, user)
      for (let time = 0; time < 3; time += 1) await expectStatus(await berth.client.getManifest('team-0/app', 'v0'), 200)
      await retention.pulls.write()
      await pullRecords.run(signal)
      return await told(berth)
    })()
    loseDatabase(folder.join('data'))

    await using berth = await BerthInProcess.start(folder.join('data'))
    await scanAll(berth)
    await berth.registry.retention.pulls.write()

    expect(await shownBy(berth, all)).toEqual(pushed)
    expect(await told(berth)).toEqual(before)
    expect(before).toMatchObject({
      ...{ description: 'Payment service', stars: 2, pulls: { total: 3, days30: 3 }, found: ['team-0/app'] },
      progress: { complete: true, facts: true, unreadFacts: 0, scanned: 1 },
    })
  })
})
