import { type BaseImage, getBaseImage, SCRATCH, scratch } from '../../images/create/base-image.ts'
import { createImage, type ImageRecipe, type RecipeLayer } from '../../images/create/create-image.ts'
import { TemporaryFiles } from '../../images/files/temporary-files.ts'
import { type ImageName, parseImageName, parseTagName } from '../../images/image-name.ts'
import { parseAddition } from '../../images/layers/addition.ts'
import type { Compression } from '../../images/layers/compressed-layer.ts'
import { ownPlatform, parsePlatform } from '../../images/platform.ts'
import { pushedText, pushImage } from '../../images/push/destination.ts'
import type { Registries } from '../../images/registry/registries.ts'
import { CommandError } from '../command-error.ts'
import { epochSecondsIn, type SettingFlags, settingsIn } from './create-flags.ts'
import { destinationsOf } from './destinations.ts'
import { imageWork } from './image-work.ts'
import type { PlannedImage } from './planned-image.ts'
import { PUSH_REPORT } from './push-report.ts'
import type { RegistryFlags } from './registry-flags.ts'
import { registriesFor } from './registry-options.ts'
import { plannedImages, type StackFlags } from './stack-images.ts'
import { sourceDateEpoch } from './user-settings.ts'

export interface CreateFlags extends RegistryFlags, SettingFlags, StackFlags {
  readonly base?: string
  readonly add: readonly string[]
  readonly platform: readonly string[]
  readonly compression: Compression
}

/** Prints each name with the digest that it has now. Throws CommandError and ImageError. */
export async function imageCreate(name: string | undefined, flags: CreateFlags): Promise<void> {
  await imageWork(async (signal) => {
    const added = flags.add.map((text) => layerOf(text))
    const images = flags.stack === undefined ? [plannedImage(name, flags, added)] : await plannedImages(name, flags, added)
    const recipe = { ...flags, settings: settingsIn(flags), epochSeconds: epochSecondsIn(sourceDateEpoch()) }
    const registries = await registriesFor(flags, parseTagName(images[0]?.name ?? '').registry)
    await using temporary = await TemporaryFiles.create()
    let first: ImageRecipe['layersAreIn']
    for (const image of images) {
      await make(image, { recipe: { ...recipe, layersAreIn: first }, registries, temporary, signal })
      first ??= parseTagName(image.name)
    }
  })
}

function plannedImage(name: string | undefined, { base = SCRATCH }: CreateFlags, layers: readonly RecipeLayer[]): PlannedImage {
  if (name === undefined)
    throw new CommandError('name the image, as registry.example.com:5000/team/app:v1, or give --stack stack.yaml')
  return { name, base, layers }
}

function layerOf(text: string): RecipeLayer {
  const addition = parseAddition(text)
  return { additions: [addition], by: `berth image create: ${addition.destination}` }
}

interface Making {
  readonly recipe: Omit<ImageRecipe, 'bases' | 'layers'> & { readonly platform: readonly string[] }
  readonly registries: Registries
  readonly temporary: TemporaryFiles
  readonly signal: AbortSignal
}

async function make(image: PlannedImage, { recipe, registries, temporary, signal }: Making): Promise<void> {
  const base = image.base === SCRATCH ? undefined : parseImageName(image.base)
  const sources = [base, recipe.layersAreIn].filter((source) => source !== undefined)
  const destinations = await destinationsOf([image.name], registries, (registry) =>
    sources.filter((source) => source.registry === registry).map(({ repository }) => repository),
  )
  const bases = await basesOf(base, recipe.platform, { registries, signal })
  const { settings } = recipe
  const run = image.entrypoint === undefined ? settings : { ...settings, entrypoint: image.entrypoint, command: [] }
  const content = createImage({ ...recipe, settings: run, bases, layers: image.layers }, { temporary, signal })
  const pushed = await pushImage(content, destinations, { ...PUSH_REPORT, signal })
  for (const destination of destinations) process.stdout.write(`${pushedText(destination, pushed)}\n`)
}

async function basesOf(
  name: ImageName | undefined,
  platforms: readonly string[],
  { registries, signal }: Pick<Making, 'registries' | 'signal'>,
): Promise<readonly BaseImage[]> {
  if (name === undefined) return (platforms.length === 0 ? [ownPlatform()] : platforms.map(parsePlatform)).map(scratch)
  const image = { repository: name.repository, upstream: await registries.puller(name.registry) }
  const bases: BaseImage[] = []
  for (const platform of platforms.length === 0 ? [undefined] : platforms)
    bases.push(await getBaseImage({ name, image, platform, signal }))
  return bases
}
