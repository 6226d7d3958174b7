import { arch, cpus, loadavg, release, totalmem } from 'node:os'
import manifest from '../package.json' with { type: 'json' }

/** Debian's packages of the same names. */
const PROGRAMS = ['docker-registry', 'wrk', 'curl', 'openssl', 'strace']

/** What a reader must know before they compare a number with one of their own. */
export async function describeMachine(): Promise<string[]> {
  const missing = PROGRAMS.filter((program) => Bun.which(program) === null)
  if (missing.length > 0) throw new Error(`${missing.join(', ')} is missing; install Debian's packages ${PROGRAMS.join(', ')}`)
  const [{ model = 'unknown' } = {}] = cpus()
  return [
    `${cpus().length} × ${model.trim()}, ${Math.round(totalmem() / 1e9)} GB, Linux ${release()} ${arch()}`,
    `Berth ${manifest.version} on Bun ${Bun.version}; ${await firstLineOf(['docker-registry', '--version'])}`,
    `${await firstLineOf(['wrk', '--version'])}; ${await firstLineOf(['curl', '--version'])}`,
    `load average before: ${(loadavg()[0] ?? 0).toFixed(2)}; ${new Date().toISOString().slice(0, 10)}`,
  ]
}

async function firstLineOf(command: readonly string[]): Promise<string> {
  const child = Bun.spawn([...command], { stdout: 'pipe', stderr: 'pipe' })
  const [output, errors] = await Promise.all([child.stdout.text(), child.stderr.text()])
  return `${output}${errors}`.split('\n')[0]?.trim() ?? ''
}
