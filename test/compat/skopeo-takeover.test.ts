import { test } from 'bun:test'
import { ContainersTools } from '../support/containers-tools.ts'
import { expectImageDirectory, writeImageDirectory } from '../support/image-directory.ts'
import { type Content, type Image, makeImage, makeImageIndex } from '../support/images.ts'
import { PEER_PROGRAM, startPeer } from '../support/peer.ts'
import { startRegistry } from '../support/registry-under-test.ts'
import { describeWith } from '../support/requirements.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

const TEST_MS = 120_000

interface Pushed {
  readonly name: string
  readonly manifest: Content
  readonly images: readonly Image[]
}

const variants = ['amd64', 'arm64'].map((architecture) => makeImage('variant', { architecture, layers: 3 }))
const dockerVariants = ['amd64', 'arm64'].map((architecture) => makeImage('variant', { architecture, format: 'docker' }))
const oci = makeImage('oci')
const docker = makeImage('docker', { format: 'docker' })
const PUSHED: readonly Pushed[] = [
  { name: 'oci:v1', manifest: oci.manifest, images: [oci] },
  { name: 'docker:v1', manifest: docker.manifest, images: [docker] },
  { name: 'team/index:v1', manifest: makeImageIndex(variants).manifest, images: variants },
  { name: 'team/list:v1', manifest: makeImageIndex(dockerVariants, 'docker').manifest, images: dockerVariants },
]

describeWith({ programs: [PEER_PROGRAM, 'skopeo'] }, 'skopeo', () => {
  for (const [from, to, startFrom, startTo] of [
    ['registry:2', 'Berth', startPeer, startRegistry],
    ['Berth', 'registry:2', startRegistry, startPeer],
  ] as const) {
    test(
      `gets from ${to} the same bytes that it gave to ${from} on the same directory`,
      async () => {
        using folder = new TemporaryFolder()
        const tools = await ContainersTools.create(folder)
        const serving = { folder, dataDirectory: folder.join('data') }
        {
          await using registry = await startFrom(serving)
          for (const pushed of PUSHED) await copyIn(tools, folder, registry.address, pushed)
        }

        await using registry = await startTo(serving)

        for (const pushed of PUSHED) await expectCopyOut(tools, folder, registry.address, pushed)
      },
      TEST_MS,
    )
  }
})

async function copyIn(tools: ContainersTools, folder: TemporaryFolder, address: string, pushed: Pushed): Promise<void> {
  const directory = folder.join('in', pushed.name)
  await writeImageDirectory(directory, pushed.manifest, pushed.images)
  const options = ['--all', '--preserve-digests', '--dest-tls-verify=false']
  await tools.run('skopeo', 'copy', ...options, `dir:${directory}`, `docker://${address}/${pushed.name}`)
}

async function expectCopyOut(tools: ContainersTools, folder: TemporaryFolder, address: string, pushed: Pushed): Promise<void> {
  const directory = await folder.directory('out', pushed.name)
  await tools.run('skopeo', 'copy', '--all', '--src-tls-verify=false', `docker://${address}/${pushed.name}`, `dir:${directory}`)
  await expectImageDirectory(directory, pushed.manifest, pushed.images)
}
