import { imageNameText } from '../../../images/image-name.ts'
import { type ChangedFile, type ChangedLine, compareInside, type Difference } from '../../../images/inside/compare-inside.ts'
import { shownPath } from '../../../images/inside/files/shown-path.ts'
import { readableBytes } from '../../../runtime/readable-bytes.ts'
import { imageWork } from '../image-work.ts'
import { type InsideFlags, insideOf, print, printJson, tellProblems } from './inside-work.ts'

interface DiffFlags extends InsideFlags {
  readonly json: boolean
  readonly allFiles: boolean
}

const MOST_FILES = 100

/** What the second image has that the first has not, and the other way round. Throws CommandError and ImageError. */
export async function imageDiff(first: string, second: string, flags: DiffFlags): Promise<void> {
  await imageWork(async (signal) => {
    const fingerprintKey = crypto.randomUUID()
    const before = await insideOf(first, flags, { fingerprintKey, signal })
    const after = await insideOf(second, flags, { fingerprintKey, signal })
    const difference = await compareInside(before.inside, after.inside)
    for (const { inside } of [before, after]) tellProblems(inside)
    if (flags.json) return printJson(forPrograms(difference))
    print(`- ${imageNameText(before.name)}  ${before.inside.descriptor.digest}`)
    print(`+ ${imageNameText(after.name)}  ${after.inside.descriptor.digest}`)
    print(`${difference.sharedLayers} of ${after.inside.layers.length} layers are the same`)
    for (const line of differenceLines(difference, flags.allFiles ? Number.POSITIVE_INFINITY : MOST_FILES)) print(line)
  })
}

function differenceLines({ config, packages, files }: Difference, mostFiles: number): readonly string[] {
  const left = files.length - mostFiles
  return [
    ...section('Config', config.map(changedLine)),
    ...section('Packages', packages.map(changedLine)),
    ...section('Files', files.slice(0, mostFiles).map(changedFile)),
    ...(left > 0 ? [`  and ${left} more; --all-files shows them`] : []),
    ...(config.length + packages.length + files.length === 0 ? ['Nothing in them is different.'] : []),
  ]
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['', `${title}: ${lines.length}`, ...lines]
}

function changedLine({ name, before, after }: ChangedLine): string {
  if (before === undefined) return `  + ${name} ${after}`
  return after === undefined ? `  - ${name} ${before}` : `  ~ ${name} ${before} -> ${after}`
}

function changedFile({ path, before, after }: ChangedFile): string {
  const name = shownPath(path)
  if (before === undefined) return `  + ${name} (${readableBytes(after?.size ?? 0)})`
  if (after === undefined) return `  - ${name} (${readableBytes(before.size)})`
  const sizes =
    before.size === after.size ? readableBytes(after.size) : `${readableBytes(before.size)} -> ${readableBytes(after.size)}`
  const isContent = before.fingerprint !== after.fingerprint || before.kind !== after.kind || before.target !== after.target
  return `  ~ ${name} (${sizes}${isContent ? '' : ', its owner or its rights alone'})`
}

function forPrograms({ files, ...rest }: Difference): unknown {
  const short = (file: ChangedFile['before']) => {
    if (file === undefined) return undefined
    const { found: _, path: __, place: ___, content: ____, ...told } = file
    return told
  }
  return { ...rest, files: files.map(({ path, before, after }) => ({ path, before: short(before), after: short(after) })) }
}
