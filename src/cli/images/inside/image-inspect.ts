import { imageNameText } from '../../../images/image-name.ts'
import type { ImageInside } from '../../../images/inside/image-inside.ts'
import type { Program } from '../../../images/inside/program/program.ts'
import type { Package } from '../../../images/inside/told/found.ts'
import { readableBytes } from '../../../runtime/readable-bytes.ts'
import { imageWork } from '../image-work.ts'
import { type InsideFlags, insideOf, type NamedInside, print, printJson, tellProblems } from './inside-work.ts'

const LABEL_WIDTH = 14
const MOST_STEP = 60

interface InspectFlags extends InsideFlags {
  readonly json: boolean
  readonly packages: boolean
}

/** Throws CommandError and ImageError. */
export async function imageInspect(text: string, flags: InspectFlags): Promise<void> {
  await imageWork(async (signal) => {
    const named = await insideOf(text, flags, { fingerprintKey: undefined, signal })
    if (flags.json) printJson(inspection(named))
    else if (flags.packages) for (const each of named.inside.packages) print(packageLine(each))
    else for (const line of lines(named)) print(line)
    tellProblems(named.inside)
  })
}

function lines({ name, inside }: NamedInside): readonly string[] {
  const { descriptor, config, facts, distribution, packages, program, layers } = inside
  const rows: readonly (readonly [string, string])[] = [
    ['Image', imageNameText(name)],
    ['Digest', descriptor.digest],
    ['Platform', config.platform ?? 'not known'],
    ['Created', config.createdMs === undefined ? 'not known' : new Date(config.createdMs).toISOString()],
    ['Distribution', distribution?.name ?? 'not known: no os-release in it'],
    ['Base', facts.baseName ?? 'not known: no annotation and no label names it'],
    ['Packages', packages.length === 0 ? 'none found' : countsOf(packages)],
    ['Runs', program === undefined ? commandOf(inside) : `${program.path}: ${programWords(program)}`],
    ['As user', config.user || 'root'],
    ['Listens on', config.ports.join(', ')],
    ['Environment', config.environment.join(', ')],
    [
      'Layers',
      `${layers.length}, ${readableBytes(layers.reduce((sum, layer) => sum + layer.descriptor.size, 0))} as they are sent`,
    ],
  ]
  return [
    ...rows.filter(([, value]) => value !== '').map(([label, value]) => `${label.padEnd(LABEL_WIDTH)}${value}`),
    ...layerLines(inside),
  ]
}

function layerLines({ layers, config }: ImageInside): readonly string[] {
  const steps = config.history.filter(({ isEmpty }) => !isEmpty)
  return layers.map(({ descriptor, contents }, place) => {
    const files = `${contents.files.length.toLocaleString('en-US')} ${contents.files.length === 1 ? 'entry' : 'entries'}`
    const step = steps.length === layers.length ? (steps[place]?.by.slice(0, MOST_STEP) ?? '') : ''
    return `  ${descriptor.digest.slice(0, 19)}  ${readableBytes(descriptor.size).padStart(9)}  ${files.padStart(14)}  ${step}`.trimEnd()
  })
}

function countsOf(packages: readonly Package[]): string {
  const counts = new Map<string, number>()
  for (const { type } of packages) counts.set(type, (counts.get(type) ?? 0) + 1)
  return [...counts].map(([type, count]) => `${count} ${type}`).join(', ')
}

function programWords({ kind, language, isStatic, libraries, interpreter }: Program): string {
  if (kind === 'script') return `a script of ${language ?? 'an interpreter'} (${interpreter ?? ''})`
  if (kind === 'other') return 'neither an ELF program nor a script'
  const needs = isStatic ? 'a static program' : `needs ${libraries.join(', ') || interpreter || 'nothing'}`
  return [language ?? 'a program', needs].join(', ')
}

function commandOf({ config }: ImageInside): string {
  const words = [...config.entrypoint, ...config.command]
  return words.length === 0
    ? 'nothing: it has no entry point and no command'
    : `${words.join(' ')}: not known, the file was not found in it`
}

export function packageLine({ type, name, version, architecture, path }: Package): string {
  return [type, name, version, architecture ?? '-', path].join('\t')
}

/** For a program that reads it. */
function inspection({ name, inside }: NamedInside): unknown {
  const { descriptor, config, facts, distribution, packages, program, layers, problems } = inside
  return {
    ...{ image: imageNameText(name), digest: descriptor.digest, mediaType: descriptor.mediaType, config },
    ...{ base: { name: facts.baseName, digest: facts.baseDigest }, distribution, program, packages, problems },
    layers: layers.map(({ descriptor: { digest, mediaType, size }, contents: { files, whiteouts } }) => ({
      ...{ digest, mediaType, size, entries: files.length, whiteouts: whiteouts.length },
    })),
  }
}
