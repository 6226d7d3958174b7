import type { RecipeLayer } from '../../images/create/create-image.ts'
import { parseStackFile, type StackContainer } from '../../images/stack/stack-file.ts'
import { defaultName, PROGRAM_FOLDER, stackLayers } from '../../images/stack/stack-image.ts'
import { readText } from '../clients/read-text.ts'
import { CommandError } from '../command-error.ts'
import type { PlannedImage } from './planned-image.ts'

export interface StackFlags {
  readonly stack?: string
  readonly base?: string
  readonly programs?: string
}

/** What `stack image container` made: each container's image, and one beside it for each of its entry points. Throws CommandError and ImageError. */
export async function plannedImages(
  name: string | undefined,
  { stack = '', base, programs }: StackFlags,
  added: readonly RecipeLayer[],
): Promise<readonly PlannedImage[]> {
  const containers = parseStackFile(await readText(stack), stack)
  if (name !== undefined && containers.length > 1)
    throw new CommandError(`${stack} describes ${containers.length} images; one name cannot be that of all of them`)
  const images: PlannedImage[] = []
  for (const container of containers) {
    const image = {
      name: name ?? container.name ?? defaultName(stack),
      base: base ?? baseOf(container, stack),
      layers: [...(await stackLayers(container, { stackFile: stack, programs })), ...added],
    }
    const beside = container.entrypoints.map((program) => {
      return { ...image, name: `${image.name}-${program}`, entrypoint: [`${PROGRAM_FOLDER}/${program}`] }
    })
    images.push(image, ...beside)
  }
  return images
}

function baseOf({ base }: StackContainer, stack: string): string {
  if (base !== undefined) return base
  throw new CommandError(`${stack} names no base for its image; add base: to its container, or give --base`)
}
