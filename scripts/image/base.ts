import { readFile } from 'node:fs/promises'

/** What the image takes from the machine that it is made on, which is a Debian: files of packages, nothing that was set up there. */

export const BUSYBOX = '/bin/busybox'

const AUTHORITIES = '/usr/share/ca-certificates/mozilla'

/** The commands that people call in a container: `sh`, and `wget` for a health check of their own. */
export function shellCommands(): string[] {
  const { stdout } = Bun.spawnSync([BUSYBOX, '--list'])
  const names = stdout.toString().split('\n')
  return names.filter((name) => name !== '' && name !== 'busybox')
}

/** The certificate authorities that the package trusts: not the machine's own list, which may hold those of its company. */
export async function certificateAuthorities(): Promise<Uint8Array> {
  const names = [...new Bun.Glob('*.crt').scanSync({ cwd: AUTHORITIES })].sort()
  if (names.length === 0) throw new Error(`${AUTHORITIES} is empty: install ca-certificates`)
  return Buffer.concat(await Promise.all(names.map((name) => readFile(`${AUTHORITIES}/${name}`))))
}

/** A file that must be there. Throws with the name of the package that brings it. */
export async function requireFile(path: string, debianPackage: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new Error(`${path} cannot be read; install ${debianPackage}`, { cause })
  }
}
