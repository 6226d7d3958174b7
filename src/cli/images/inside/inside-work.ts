import { type ImageName, parseImageName } from '../../../images/image-name.ts'
import { type ImageInside, readInside } from '../../../images/inside/image-inside.ts'
import type { RegistryFlags } from '../registry-flags.ts'
import { registriesFor } from '../registry-options.ts'

export interface InsideFlags extends RegistryFlags {
  readonly platform?: string
}

export interface NamedInside {
  readonly name: ImageName
  readonly inside: ImageInside
}

/** Of an image index the image for --platform is read, else the one for this machine. Throws ImageError and RegistryError. */
export async function insideOf(
  text: string,
  flags: InsideFlags,
  { fingerprintKey, signal }: { readonly fingerprintKey: string | undefined; readonly signal: AbortSignal },
): Promise<NamedInside> {
  const name = parseImageName(text)
  const registries = await registriesFor(flags, name.registry)
  const image = { repository: name.repository, upstream: await registries.puller(name.registry) }
  const { reference } = name
  return { name, inside: await readInside(image, { reference, platform: flags.platform, fingerprintKey, signal }) }
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, 2))
}

/** Standard error: it does not get into a pipe. */
export function tellProblems({ problems }: ImageInside): void {
  for (const problem of problems) process.stderr.write(`berth: not all is told: ${problem}\n`)
}
