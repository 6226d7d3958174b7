import { rename } from 'node:fs/promises'
import { join } from 'node:path'

const ROOT = join(import.meta.dir, '../..')

const OPTIONS = [
  '--compile',
  // Halves the time to start.
  '--bytecode',
  '--format=esm',
  // As in bin/berth.
  '--compile-exec-argv=--max-http-header-size=65536 --use-system-ca',
  '--no-compile-autoload-dotenv',
  '--no-compile-autoload-bunfig',
  // Each module believes that it lies at the top, so `new URL('./x-worker.ts', import.meta.url)` must lead there.
  '--entry-naming=[name].[ext]',
]

/** What to make: the name of the program, and the module that it begins with. */
const BERTH = { name: 'berth', entry: 'src/main.ts' }

/**
 * Makes all of Berth one program, `berth` in that directory, and gives its path. It is put in place as a whole: one that runs, or is
 * copied meanwhile, stays what it is.
 */
export async function buildBinary(directory: string, { name, entry } = BERTH): Promise<string> {
  const path = join(directory, name)
  const unfinished = `${path}-${process.pid}`
  const command = [process.execPath, 'build', ...OPTIONS, `--outfile=${unfinished}`, entry, ...workers()]
  const bundler = Bun.spawn(command, { cwd: ROOT, stdin: 'ignore', stdout: 'ignore', stderr: 'inherit' })
  if ((await bundler.exited) !== 0) throw new Error('bun build failed')
  await rename(unfinished, path)
  return path
}

/** A thread of its own finds its file by path while Berth runs; unless it is an entry point too, it is not in the program. */
function workers(): string[] {
  return [...new Bun.Glob('src/**/*-worker.ts').scanSync(ROOT)].sort()
}
