import type { ImageConfig } from '../../oci/image/image-config.ts'
import type { ImageFiles } from './files/image-files.ts'
import type { ImageFile } from './files/layer-file.ts'

/** Where programs are looked for when the config of an image has no PATH. */
const PATH = ['usr/local/sbin', 'usr/local/bin', 'usr/sbin', 'usr/bin', 'sbin', 'bin']
const SHELLS = ['sh', 'bash', 'ash', 'dash']

type ProgramConfig = Pick<ImageConfig, 'entrypoint' | 'command' | 'workingDirectory' | 'programFolders'>

/**
 * The file that a container of the image runs. A shell that runs one program (`sh -c "exec /app"`) is passed over. Undefined: the image runs
 * nothing, or the file is not in it.
 */
export function findProgram(files: ImageFiles, config: ProgramConfig): ImageFile | undefined {
  const { entrypoint, command } = config
  const [word, ...rest] = wordsOf([...entrypoint, ...command])
  if (word === undefined) return undefined
  const file = fileOf(files, word, config)
  // `tini -- /app` and the like start what follows.
  const [next] = rest.filter((argument) => !argument.startsWith('-'))
  if (next === undefined || !/(^|\/)(tini|dumb-init|docker-init|catatonit|docker-entrypoint\.sh)$/.test(word)) return file
  return fileOf(files, next, config) ?? file
}

function wordsOf(words: readonly string[]): readonly string[] {
  const [shell, option, line] = words
  const isShell = SHELLS.includes(shell?.split('/').at(-1) ?? '') && option === '-c' && line !== undefined
  if (!isShell) return words
  const inner = line
    .trim()
    .replace(/^exec\s+/, '')
    .split(/\s+/)
  // What is more than one program with words is the shell's.
  return /[;&|$`<>(){}]/.test(line) ? words : inner
}

function fileOf(files: ImageFiles, word: string, { workingDirectory, programFolders }: ProgramConfig): ImageFile | undefined {
  const folders = programFolders.length === 0 ? PATH : programFolders
  const paths = word.includes('/')
    ? [word.startsWith('/') ? word : `${workingDirectory}/${word}`]
    : folders.map((folder) => `${folder}/${word}`)
  return paths.map((path) => files.find(path)).find((file) => file?.kind === 'file')
}
