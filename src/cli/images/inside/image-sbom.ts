import { imageNameText } from '../../../images/image-name.ts'
import { cycloneDx, spdx } from '../../../images/inside/sbom/sbom.ts'
import { version } from '../../../runtime/version.ts'
import { imageWork } from '../image-work.ts'
import { type InsideFlags, insideOf, printJson, tellProblems } from './inside-work.ts'

interface SbomFlags extends InsideFlags {
  readonly format: 'cyclonedx' | 'spdx'
}

/** Throws CommandError and ImageError. */
export async function imageSbom(text: string, flags: SbomFlags): Promise<void> {
  await imageWork(async (signal) => {
    const { name, inside } = await insideOf(text, flags, { fingerprintKey: undefined, signal })
    const subject = { name: imageNameText(name), inside, berthVersion: version }
    printJson(flags.format === 'spdx' ? spdx(subject) : cycloneDx(subject))
    tellProblems(inside)
  })
}
