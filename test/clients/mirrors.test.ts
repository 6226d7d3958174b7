import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { dirname } from 'node:path'
import { parse } from 'yaml'
import { blobsOf, type Image, makeImage } from '../support/images.ts'
import { MIRROR_LAB_PROGRAMS, MirrorLab } from '../support/mirror-lab.ts'
import { describeWith } from '../support/requirements.ts'

setDefaultTimeout(180_000)

const HUB = makeImage('of the hub', { format: 'docker', layers: 3 })
const QUAY = makeImage('of the other registry')

/** In this order: what was pulled once is pulled again when the other registries have gone. */
describeWith({ programs: MIRROR_LAB_PROGRAMS, root: true }, 'clients that berth client setup told of mirrors', () => {
  let lab: MirrorLab

  beforeAll(async () => {
    lab = await MirrorLab.start({ hub: ['library/mirrored', HUB], quay: ['team/app', QUAY] })
  })
  afterAll(async () => await lab[Symbol.asyncDispose]())

  const pullAll = async () => {
    await lab.daemon.tryDocker('image', 'rm', 'mirrored')
    const docker = await lab.daemon.docker('pull', 'mirrored')
    expect(docker).toContain(`Digest: ${HUB.manifest.digest}`)
    expect(await lab.daemon.imageId('mirrored')).toBe(HUB.config.digest)
    for (const [name, image] of [
      ['docker.io/library/mirrored:latest', HUB],
      ['quay.example.com/team/app:latest', QUAY],
    ] as const) {
      await lab.ctr('images', 'pull', '--snapshotter', 'native', '--hosts-dir', '/etc/containerd/certs.d', name)
      expect(await lab.ctr('images', 'ls', `name==${name}`)).toContain(image.manifest.digest)
      await lab.ctr('images', 'rm', '--sync', name)
      const folder = lab.folder.join(crypto.randomUUID())
      await lab.machine.run('skopeo', 'copy', `docker://${name}`, `dir:${folder}`)
      expect(await filesIn(folder)).toEqual(expect.arrayContaining(partsOf(image)))
    }
    const podman = ['podman', '--root', lab.folder.join('podman/root'), '--runroot', lab.folder.join('podman/run')]
    const pulled = await lab.machine.run(...podman, '--storage-driver', 'vfs', 'pull', '--quiet', 'docker.io/library/mirrored')
    expect(`sha256:${pulled.trim()}`).toBe(HUB.config.digest)
    await lab.machine.run(...podman, '--storage-driver', 'vfs', 'rmi', pulled.trim())
  }

  test('Docker, containerd, skopeo and podman pull images of other registries by their own names', async () => {
    await pullAll()

    const { repositories } = JSON.parse(await lab.get('/v2/_catalog')) as { repositories: readonly string[] }
    expect(repositories).toEqual(['docker.io/library/mirrored', 'quay/team/app'])
  })

  test('BuildKit builds on an image of another registry, which it has from here', async () => {
    await lab.daemon.tryDocker('image', 'rm', 'mirrored')
    expect((await lab.daemon.docker('image', 'ls', '--quiet')).trim()).toBe('')
    const dockerfile = await lab.folder.file('built/Dockerfile', 'FROM mirrored\nLABEL built=here\n')

    const built = await lab.daemon.buildKit('--tag', 'built', dirname(dockerfile))

    expect([built.exitCode, built.stderr]).toEqual([0, expect.stringContaining('FROM docker.io/library/mirrored')])
    const layers = async (name: string) => await lab.daemon.docker('image', 'inspect', '--format', '{{.RootFS.Layers}}', name)
    const builtLayers = await layers('built')
    await lab.daemon.docker('pull', 'mirrored')
    expect(builtLayers).toBe(await layers('mirrored'))
    await lab.daemon.docker('image', 'rm', 'built')
  })

  test('Docker pushes beside them, and not below a prefix', async () => {
    const [mine, mirrored] = [`${MirrorLab.registry}/mine/app`, `${MirrorLab.registry}/docker.io/library/mine`]
    await lab.daemon.docker('tag', 'mirrored', mine)
    await lab.daemon.docker('tag', 'mirrored', mirrored)

    await lab.daemon.docker('push', mine)
    const refused = await lab.daemon.tryDocker('push', mirrored)

    expect(refused.exitCode).toBe(1)
    expect(`${refused.stdout}${refused.stderr}`).toContain('What is below docker.io/ is a mirror of')
    await lab.daemon.docker('image', 'rm', mine)
    await lab.daemon.docker('pull', mine)
    expect(await lab.daemon.imageId(mine)).toBe(HUB.config.digest)
  })

  test('they pull again when the other registries have gone', async () => {
    await lab.stopUpstreams()

    await pullAll()
  })

  test('k3s and BuildKit are told in files that they can read', async () => {
    await lab.machine.run('mkdir', '-p', '/etc/rancher/k3s', '/etc/buildkit')

    expect((await lab.setUp('k3s', 'buildkit')).exitCode).toBe(0)

    const endpoint = [`https://${MirrorLab.registry}`]
    expect(parse(await lab.machine.run('cat', '/etc/rancher/k3s/registries.yaml'))).toMatchObject({
      mirrors: { 'docker.io': { endpoint }, 'quay.example.com': { endpoint, rewrite: { '^(.*)$': 'quay/$1' } } },
      configs: { [MirrorLab.registry]: { tls: { ca_file: expect.any(String) } } },
    })
    expect(Bun.TOML.parse(await lab.machine.run('cat', '/etc/buildkit/buildkitd.toml'))).toMatchObject({
      registry: {
        'docker.io': { mirrors: [MirrorLab.registry] },
        'quay.example.com': { mirrors: [`${MirrorLab.registry}/quay`] },
      },
    })
  })

  const filesIn = async (folder: string) => (await lab.machine.run('ls', folder)).trim().split('\n')
})

/** As skopeo names them in a directory. */
function partsOf(image: Image): string[] {
  return blobsOf(image).map(({ digest }) => digest.slice('sha256:'.length))
}
