import { expect, setDefaultTimeout, test } from 'bun:test'
import { startBerth } from '../support/berth-process.ts'
import { DOCKER_PROGRAMS, DockerDaemon } from '../support/docker-daemon.ts'
import { blobsOf, makeImage } from '../support/images.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { expectStatus, RegistryClient } from '../support/registry-client.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const IMAGE = makeImage('of the hub', { format: 'docker', layers: 4 })

describeWith({ programs: [...DOCKER_PROGRAMS, PEER_PROGRAM], root: true }, 'Docker with --registry-mirror', () => {
  test('pulls what stands for Docker Hub through Berth, again when the hub is gone, and pushes nothing', async () => {
    using folder = new TemporaryFolder()
    await using hub = await startPeer({ folder, dataDirectory: folder.join('hub') })
    const client = new RegistryClient(hub.url)
    for (const blob of blobsOf(IMAGE)) await client.pushBlob('library/mirrored', blob)
    await expectStatus(await client.putManifest('library/mirrored', 'latest', IMAGE.manifest), 201)
    const moreConfig = `proxy:\n  remoteurl: ${hub.url}\n`
    await using mirror = await startBerth({ folder, dataDirectory: folder.join('mirror'), moreConfig })
    await using daemon = await DockerDaemon.start(folder, { mirror: `http://${mirror.address}` })

    const pulled = await daemon.docker('pull', 'mirrored')
    const id = await daemon.imageId('mirrored')
    await daemon.docker('image', 'rm', 'mirrored')
    await hub.stop()
    const again = await daemon.docker('pull', 'mirrored:latest')

    expect([pulled, again].map((output) => output.includes(`Digest: ${IMAGE.manifest.digest}`))).toEqual([true, true])
    expect(id).toBe(IMAGE.config.digest)
    expect(await daemon.imageId('mirrored')).toBe(id)
    await daemon.docker('tag', 'mirrored', `${mirror.address}/library/mine`)
    const push = await daemon.tryDocker('push', `${mirror.address}/library/mine`)
    expect(push.exitCode).toBe(1)
    expect(`${push.stdout}${push.stderr}`).toContain('This registry is a cache of')
  })

  test('pulls through a default mirror that a rule lets anonymous callers pull from, and nothing else there', async () => {
    using folder = new TemporaryFolder()
    await using hub = await startPeer({ folder, dataDirectory: folder.join('hub') })
    const client = new RegistryClient(hub.url)
    for (const name of ['library/mirrored', 'hidden/app']) {
      for (const blob of blobsOf(IMAGE)) await client.pushBlob(name, blob)
      await expectStatus(await client.putManifest(name, 'latest', IMAGE.manifest), 201)
    }
    const mirrors = `mirrors: [{prefix: docker.io, url: "${hub.url}", default: true, username: a, password: b}]\n`
    const rules = `access: {rules: [{who: [anonymous], repositories: ['docker.io/library/*'], can: [pull]}]}\n`
    await using mirror = await startBerth({ folder, dataDirectory: folder.join('mirror'), moreConfig: mirrors + rules })
    await using daemon = await DockerDaemon.start(folder, { mirror: `http://${mirror.address}` })

    await daemon.docker('pull', 'mirrored')
    const id = await daemon.imageId('mirrored')
    const hidden = await daemon.tryDocker('pull', 'hidden/app')
    const named = await daemon.tryDocker('pull', `${mirror.address}/docker.io/hidden/app`)

    expect(id).toBe(IMAGE.config.digest)
    expect([hidden.exitCode, named.exitCode]).toEqual([1, 1])
    const { repositories } = (await (await new RegistryClient(mirror.url).request('GET', '/v2/_catalog')).json()) as {
      repositories?: readonly string[]
    }
    expect(repositories).toBeUndefined()
  })
})
