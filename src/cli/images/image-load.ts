import { TemporaryFiles } from '../../images/files/temporary-files.ts'
import { parseTagName } from '../../images/image-name.ts'
import { loadImage } from '../../images/load-image.ts'
import { pushedText, pushImage } from '../../images/push/destination.ts'
import { CommandError } from '../command-error.ts'
import { destinationsOf } from './destinations.ts'
import { imageWork } from './image-work.ts'
import { PUSH_REPORT } from './push-report.ts'
import type { RegistryFlags } from './registry-flags.ts'
import { registriesFor } from './registry-options.ts'

interface LoadFlags extends RegistryFlags {
  readonly image?: string
  readonly platform?: string
}

/** Prints each name with the digest that it has now. Throws CommandError and ImageError. */
export async function imageLoad(source: string, names: readonly string[], flags: LoadFlags): Promise<void> {
  if (source === '-' && flags.passwordStdin) throw new CommandError('standard input is the archive; log in with docker login')
  await imageWork(async (signal) => {
    const registries = await registriesFor(flags, parseTagName(names[0] ?? '').registry)
    const destinations = await destinationsOf(names, registries)
    await using temporary = await TemporaryFiles.create()
    const { image, platform } = flags
    const content = await loadImage(source, { image, platform, temporary, signal, standardInput: () => Bun.stdin.stream() })
    const pushed = await pushImage(content, destinations, { ...PUSH_REPORT, signal })
    for (const destination of destinations) process.stdout.write(`${pushedText(destination, pushed)}\n`)
  })
}
