import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { recountQuotas } from '../../src/metadata/quotas/quotas.ts'
import { RepositoryGlob } from '../../src/oci/repository-glob.ts'
import type { QuotaRule } from '../../src/registry/quotas/quota-rules.ts'
import { BerthInProcess } from '../support/berth-in-process.ts'
import { collectAll, TEST_POLICY } from '../support/collecting.ts'
import { blobsOf, contentOf, makeImage, makeImageIndex } from '../support/images.ts'
import { PROPERTY_TIMEOUT_MS, runs } from '../support/property-runs.ts'
import type { RegistryClient } from '../support/registry-client.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'
import { usedOnDisk } from '../support/used-on-disk.ts'

/** A registry with quotas does random things; what it counts is what lies on the disk, and never more than a limit. */

const LIMIT = 3_000
const REPOSITORIES = ['team/a', 'team/b', 'team/c/d', 'alice/a', 'other']
const IMAGES = Array.from({ length: 4 }, (_, number) => makeImage(`image ${number % 2}`, { layers: 1 + (number % 3) }))
const INDEX = makeImageIndex(IMAGES.slice(0, 2))
const BLOBS = [0, 1, 700, 1_500].map((size) => contentOf('application/octet-stream', new Uint8Array(size).fill(size % 251)))

const RULES: readonly QuotaRule[] = [
  { name: 'team', ...globs(['team/**']), isEach: false, limitBytes: LIMIT, warnBytes: 1_000 },
  { name: 'own', ...globs(['*/**']), isEach: true, limitBytes: undefined, warnBytes: 2_000 },
]
const FITS: Readonly<Record<string, (repository: string) => boolean>> = {
  team: (repository) => repository.startsWith('team/'),
  'own/team': (repository) => repository.startsWith('team/'),
  'own/alice': (repository) => repository.startsWith('alice/'),
}

function globs(texts: readonly string[]) {
  return { repositories: texts.flatMap((text) => RepositoryGlob.find(text) ?? []), except: [] }
}

const repository = fc.constantFrom(...REPOSITORIES)
const image = fc.nat(IMAGES.length - 1)
const blob = fc.nat(BLOBS.length - 1)
const command = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('image' as const), repository, image, tag: fc.constantFrom('v1', 'v2') }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('index' as const), repository }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('blob' as const), repository, blob }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('mount' as const), repository, from: repository, blob }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete manifest' as const), repository, image }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete blob' as const), repository, blob }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('collect' as const, 'restart' as const) }) },
)
type Command = typeof command extends fc.Arbitrary<infer Value> ? Value : never

test(
  'after whatever is pushed, mounted, deleted and collected, a quota holds what its repositories hold, and no more than its limit',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 30, size: 'max' }), async (commands) => {
        using folder = new TemporaryFolder({ inMemory: true })
        let berth = await start(folder)
        try {
          for (const each of commands) {
            if (each.kind === 'restart') {
              await berth.stop()
              berth = await start(folder)
            } else if (each.kind === 'collect') await collectAll(berth, 2)
            else if ('repository' in each) await send(berth.client, each)
          }
          await expectExact(berth, folder)
        } finally {
          await berth.stop()
        }
      }),
      runs(15),
    )
  },
  PROPERTY_TIMEOUT_MS,
)

async function start(folder: TemporaryFolder): Promise<BerthInProcess> {
  const berth = await BerthInProcess.start(folder.join('data'), { collector: TEST_POLICY, quotas: RULES })
  await berth.scan()
  await berth.countQuotas()
  return berth
}

/** Refused or not: what is refused must not be counted either. */
async function send(client: RegistryClient, sent: Extract<Command, { readonly repository: string }>): Promise<void> {
  const { repository: name } = sent
  switch (sent.kind) {
    case 'image': {
      const { [sent.image]: pushed } = IMAGES
      if (pushed === undefined) return
      for (const { digest, bytes } of blobsOf(pushed))
        await client.request('POST', `/v2/${name}/blobs/uploads/?digest=${digest}`, { body: bytes.slice() })
      await client.putManifest(name, sent.tag, pushed.manifest)
      return
    }
    case 'index':
      await client.putManifest(name, 'index', INDEX.manifest)
      return
    case 'blob': {
      const { digest = '', bytes = new Uint8Array() } = BLOBS[sent.blob] ?? {}
      await client.request('POST', `/v2/${name}/blobs/uploads/?digest=${digest}`, { body: bytes.slice() })
      return
    }
    case 'mount':
      await client.mountBlob(name, BLOBS[sent.blob]?.digest ?? '', sent.from)
      return
    case 'delete manifest':
      await client.deleteManifest(name, IMAGES[sent.image]?.manifest.digest ?? '', { force: true })
      return
    case 'delete blob':
      await client.deleteBlob(name, BLOBS[sent.blob]?.digest ?? '', { force: true })
  }
}

async function expectExact(berth: BerthInProcess, folder: TemporaryFolder): Promise<void> {
  await berth.countQuotas()
  const counted = await recountQuotas(berth.opened.metadata.read)
  for (const { name, used, recounted } of counted) {
    expect([name, used]).toEqual([name, recounted])
    expect([name, used]).toEqual([name, usedOnDisk(folder.join('data'), FITS[name] ?? (() => false))])
    if (name === 'team') expect(used).toBeLessThanOrEqual(LIMIT)
  }
  for (const [name, fits] of Object.entries(FITS))
    if (!counted.some((quota) => quota.name === name)) expect(usedOnDisk(folder.join('data'), fits)).toBe(0)
}
