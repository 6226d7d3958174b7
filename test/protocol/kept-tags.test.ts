import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { parseDigest } from '../../src/oci/digest.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { NO_POLICY } from '../../src/registry/retention/retention-policy.ts'
import { layout } from '../../src/storage/layout.ts'
import { pushImage } from '../collect/rows/row.ts'
import { expectError, header } from '../support/answers.ts'
import { makeImage, makeImageIndex } from '../support/images.ts'
import { RegistryClient } from '../support/registry-client.ts'
import { RestartableRegistry } from '../support/restartable-registry.ts'
import { tagSetOf } from '../support/retention-rule.ts'
import { someServers } from '../support/wire.ts'

const [one, other] = [makeImage('kept'), makeImage('kept', { architecture: 'arm64' })]
const index = makeImageIndex([one])
const SIGNATURE = `sha256-${one.manifest.digest.slice(7)}.sig`

const retention = { ...NO_POLICY, immutable: [tagSetOf('prod/**', '*')], protected: [tagSetOf('**', 'latest')] }

async function expectDenied(response: Response, sentence = ''): Promise<void> {
  const { message } = await expectError(response, 403, 'DENIED')
  expect(message).toStartWith(sentence)
}

describe.each(someServers('kept tags'))('tags that an operator has fixed, through %s,', (_, server) => {
  let registry: RestartableRegistry
  let client: RegistryClient

  beforeAll(async () => {
    registry = await RestartableRegistry.start({ storage: 'filesystem', server, retention })
    client = new RegistryClient(registry.url ?? '')
  })
  afterAll(() => registry[Symbol.asyncDispose]())

  /** A repository of its own, in which the tag leads to the first image, and both images are there. */
  async function pushed(below: string, tag: string): Promise<string> {
    const repository = `${below}/${crypto.randomUUID()}`
    await pushImage(client, other, other.manifest.digest, repository)
    await pushImage(client, one, tag, repository)
    return repository
  }

  async function digestAt(repository: string, tag: string): Promise<string | null> {
    return header(await client.headManifest(repository, tag), 'docker-content-digest')
  }

  test('an immutable tag takes the same manifest again, and refuses another one with DENIED and where it leads', async () => {
    const repository = await pushed('prod', 'v1')

    const again = await client.putManifest(repository, 'v1', one.manifest)
    const moved = await client.putManifest(repository, 'v1', other.manifest)

    expect(again.status).toBe(201)
    await expectDenied(moved, `The tag v1 is immutable and leads to ${one.manifest.digest}; push under another tag.`)
    expect(await digestAt(repository, 'v1')).toBe(one.manifest.digest)
  })

  test('a push that brings several tags moves none of them where one is immutable', async () => {
    const repository = await pushed('prod', 'v1')

    const path = `/v2/${repository}/manifests/${other.manifest.digest}?tag=v2&tag=v1`
    const headers = { 'content-type': other.manifest.mediaType }
    const moved = await client.request('PUT', path, { headers, body: other.manifest.bytes.slice() })

    await expectDenied(moved)
    expect((await client.headManifest(repository, 'v2')).status).toBe(404)
  })

  test('of two pushes at once to an immutable tag that is not there yet one gets it', async () => {
    const repository = await pushed('prod', 'v1')

    const answers = await Promise.all([one, other].map(({ manifest }) => client.putManifest(repository, 'race', manifest)))

    expect(answers.map(({ status }) => status).sort()).toEqual([201, 403])
    const winner = answers[0]?.status === 201 ? one : other
    expect(await digestAt(repository, 'race')).toBe(winner.manifest.digest)
  })

  test('neither an immutable nor a protected tag is deleted, alone or with its manifest; a protected one moves', async () => {
    const [fixed, guarded] = [await pushed('prod', 'v1'), await pushed('team', 'latest')]

    await expectDenied(await client.deleteManifest(fixed, 'v1'), 'The tag v1 is immutable and is not deleted')
    await expectDenied(await client.deleteManifest(fixed, one.manifest.digest), 'The tag v1 is immutable')
    await expectDenied(await client.deleteManifest(guarded, 'latest'), 'The tag latest is protected')
    await expectDenied(await client.deleteManifest(guarded, one.manifest.digest), 'The tag latest is protected')

    expect([await digestAt(fixed, 'v1'), await digestAt(guarded, 'latest')]).toEqual([one.manifest.digest, one.manifest.digest])
    expect((await client.putManifest(guarded, 'latest', other.manifest)).status).toBe(201)
    expect((await client.deleteManifest(guarded, one.manifest.digest)).status).toBe(202)
  })

  test('a signature beside an immutable image can be added to, and goes', async () => {
    const repository = await pushed('prod', SIGNATURE)

    expect((await client.putManifest(repository, SIGNATURE, other.manifest)).status).toBe(201)
    expect((await client.deleteManifest(repository, SIGNATURE)).status).toBe(202)
  })

  test('an immutable tag whose image is lost takes that image again, and no other one', async () => {
    const repository = await pushed('prod', 'v1')
    await registry.storage.remove(layout.revision(parseRepositoryName(repository), parseDigest(one.manifest.digest)))
    await registry.restart({ database: 'gone', maintenance: 'off' })
    client = new RegistryClient(registry.url ?? '')

    await expectDenied(await client.putManifest(repository, 'v1', other.manifest))
    expect((await client.putManifest(repository, 'v1', one.manifest)).status).toBe(201)
    expect(await digestAt(repository, 'v1')).toBe(one.manifest.digest)
  })

  test('an immutable tag is known before anything has been scanned, with a new database', async () => {
    const repository = await pushed('prod', 'v1')
    await registry.restart({ database: 'gone', maintenance: 'off' })
    client = new RegistryClient(registry.url ?? '')

    await expectDenied(await client.putManifest(repository, 'v1', other.manifest))
    await expectDenied(await client.deleteManifest(repository, 'v1'))
    expect(await digestAt(repository, 'v1')).toBe(one.manifest.digest)
  })

  test('what is held is not deleted until it is let go, and a held tag moves', async () => {
    const repository = await pushed('team', 'v1')
    const name = parseRepositoryName(repository)
    const { holds } = registry.registry
    await holds.hold(name, parseReference('v1'))
    await holds.hold(name, parseReference(other.manifest.digest))

    const refused = `${repository}:v1 is held and is not deleted; its operator lets it go with berth unhold ${repository}:v1.`
    await expectDenied(await client.deleteManifest(repository, 'v1'), refused)
    await expectDenied(await client.deleteManifest(repository, one.manifest.digest), refused)
    await expectDenied(await client.deleteManifest(repository, other.manifest.digest), `${repository}@sha256:`)
    expect((await client.putManifest(repository, 'v1', other.manifest)).status).toBe(201)

    expect([await holds.unhold(name, parseReference('v1')), await holds.unhold(name, parseReference('v1'))]).toEqual([
      true,
      false,
    ])
    expect((await client.deleteManifest(repository, 'v1')).status).toBe(202)
  })

  test('a child of an image index that is forced away goes, unless a tag of its own is fixed', async () => {
    const repository = await pushed('team', 'latest')
    await client.putManifest(repository, 'index', index.manifest)

    const path = `/v2/${repository}/manifests/${one.manifest.digest}?force=true`

    await expectDenied(await client.request('DELETE', path), 'The tag latest is protected')
  })
})
