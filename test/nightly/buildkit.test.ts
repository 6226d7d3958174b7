import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { BUILDKIT_PROGRAMS, BuildKit, buildBuildKit } from '../support/buildkit.ts'
import { BUILD_MS } from '../support/go-program.ts'
import { type Image, makeImage } from '../support/images.ts'
import { MIRROR_LAB_PROGRAMS, MirrorLab } from '../support/mirror-lab.ts'
import { describeWith } from '../support/requirements.ts'

setDefaultTimeout(180_000)

const HUB = makeImage('of the hub', { format: 'docker', layers: 3 })
const QUAY = makeImage('of the other registry')

describeWith(
  { programs: [...MIRROR_LAB_PROGRAMS, ...BUILDKIT_PROGRAMS], root: true },
  'BuildKit by itself, which berth client setup told of mirrors,',
  () => {
    let lab: MirrorLab

    beforeAll(async () => {
      lab = await MirrorLab.start({ hub: ['library/mirrored', HUB], quay: ['team/app', QUAY] })
      await lab.machine.run('mkdir', '-p', '/etc/buildkit')
      expect((await lab.setUp('buildkit')).exitCode).toBe(0)
      await buildBuildKit()
    }, 2 * BUILD_MS)
    afterAll(async () => await lab?.[Symbol.asyncDispose]())

    /** By a daemon that has none of the images. */
    const buildAll = async () => {
      await using buildKit = await BuildKit.start(lab.machine)
      expect(await buildKit.build('FROM mirrored', 'LABEL built=here')).toEqual(layersOf(HUB))
      expect(await buildKit.build('FROM quay.example.com/team/app', 'LABEL built=here')).toEqual(layersOf(QUAY))
    }

    test('builds on images of other registries, and again when these have gone', async () => {
      await buildAll()
      const { repositories } = JSON.parse(await lab.get('/v2/_catalog')) as { repositories: readonly string[] }
      expect(repositories).toEqual(['docker.io/library/mirrored', 'quay/team/app'])

      await lab.stopUpstreams()

      await buildAll()
    })
  },
)

function layersOf({ layers }: Image): readonly string[] {
  return layers.map(({ digest }) => digest)
}
