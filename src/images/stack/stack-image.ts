import { readdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { hasCode } from '../../runtime/error-code.ts'
import type { RecipeLayer } from '../create/create-image.ts'
import { ImageError } from '../image-error.ts'
import type { Addition } from '../layers/addition.ts'
import type { StackContainer } from './stack-file.ts'

/** Where programs go, and where their entry points are. */
export const PROGRAM_FOLDER = '/usr/local/bin'

/** What `stack image container` put into an image: its programs first, then each folder to its place. Throws ImageError. */
export async function stackLayers(
  container: StackContainer,
  { stackFile, programs }: { readonly stackFile: string; readonly programs: string | undefined },
): Promise<readonly RecipeLayer[]> {
  const project = dirname(resolve(stackFile))
  const adds = container.add.map(({ source, destination }) => ({
    additions: [added(resolve(project, source), destination)],
    by: `berth image create: ${destination}`,
  }))
  const executables = await executablesOf(container, project, programs)
  return executables.length === 0
    ? adds
    : [{ additions: executables, by: `berth image create: programs in ${PROGRAM_FOLDER}` }, ...adds]
}

/** Stack's default: the name of the project's folder. */
export function defaultName(stackFile: string): string {
  return basename(dirname(resolve(stackFile))).toLowerCase()
}

async function executablesOf(
  { executables }: StackContainer,
  project: string,
  programs: string | undefined,
): Promise<readonly Addition[]> {
  if (executables?.length === 0) return []
  const folder = programs ?? (await findPrograms(project))
  const names = executables ?? (await readdir(folder))
  return names.map((name) => added(join(folder, name), `${PROGRAM_FOLDER}/${name}`))
}

function added(source: string, destination: string): Addition {
  return { source, destination, userId: 0, groupId: 0, mode: undefined }
}

/** `.stack-work/install/PLATFORM/SNAPSHOT/COMPILER/bin`, of which a project may have several. Throws ImageError unless there is one. */
async function findPrograms(project: string): Promise<string> {
  let folders = [join(project, '.stack-work/install')]
  for (let level = 0; level < 3; level += 1) folders = (await Promise.all(folders.map(foldersIn))).flat()
  const found = (await Promise.all(folders.map(foldersIn))).flat().filter((folder) => basename(folder) === 'bin')
  const [only, second] = found
  if (only === undefined)
    throw new ImageError(
      `there are no programs below ${project}/.stack-work; run stack build, or say where they are with --programs`,
    )
  if (second !== undefined)
    throw new ImageError(
      `there are several builds below ${project}/.stack-work; choose with --programs "$(stack path --local-install-root)/bin"`,
    )
  return only
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return []
    throw error
  })
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name))
}
