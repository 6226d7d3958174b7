import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BUSYBOX, certificateAuthorities, requireFile, shellCommands } from './base.ts'
import type { DirectoryEntry, FileEntry, RegularFile, SymbolicLink } from './file-entry.ts'
import { sharedLibraries } from './libraries.ts'

const ROOT = join(import.meta.dir, '../..')

/** For `--user berth`. */
const BERTH_USER_ID = 10001

/** What health checks give to these of registry:2's image Debian's busybox does not take: scripts in front of it do. */
const OWN_COMMANDS = ['nc', 'wget']

/** All files of the image, but for the program itself: they change rarely. */
export async function baseFiles(program: string): Promise<FileEntry[]> {
  const files = [
    ...configuration(await readFile(join(ROOT, 'deploy/image/config.yml'))),
    file('entrypoint.sh', await readFile(join(ROOT, 'deploy/image/entrypoint.sh')), 0o755),
    file('bin/busybox', await requireFile(BUSYBOX, 'busybox-static'), 0o755),
    ...shellCommands()
      .filter((name) => !OWN_COMMANDS.includes(name))
      .map((name) => link(`bin/${name}`, 'busybox')),
    ...(await Promise.all(
      OWN_COMMANDS.map(async (name) => file(`bin/${name}`, await readFile(join(ROOT, 'deploy/image', name)), 0o755)),
    )),
    ...(await sharedLibraries([program, BUSYBOX])),
    file('etc/ssl/certs/ca-certificates.crt', await certificateAuthorities()),
    ...users(),
    ...(await licenses()),
    // A new volume begins as a copy of this: whoever the container runs as can write to it.
    directory('var/lib/registry', 0o1777),
    directory('tmp', 0o1777),
    ...['usr/bin', 'usr/sbin', 'sbin'].map((path) => link(path, path === 'sbin' ? 'bin' : '../bin')),
  ]
  return withParents(files)
}

/** The program, under its own name and under those of registry:2's two. */
export async function programFiles(program: string): Promise<FileEntry[]> {
  return [file('bin/berth', await readFile(program), 0o755), link('bin/registry', 'berth'), link('bin/htpasswd', 'berth')]
}

/** registry:2 and registry:3 look in different places: one folder under two names, so that a mount on either is a mount on both. */
function configuration(content: Uint8Array): FileEntry[] {
  return [file('etc/docker/registry/config.yml', content), link('etc/distribution', 'docker/registry')]
}

function users(): FileEntry[] {
  const id = BERTH_USER_ID
  return [
    file('etc/passwd', bytes(`root:x:0:0:root:/root:/bin/sh\nberth:x:${id}:${id}:Berth:/var/lib/registry:/bin/sh\n`)),
    file('etc/group', bytes(`root:x:0:\nberth:x:${id}:\n`)),
    file('etc/nsswitch.conf', bytes('passwd: files\ngroup: files\nhosts: files dns\n')),
    directory('root', 0o700),
  ]
}

/** The image passes on the work of others: their terms go with it. */
async function licenses(): Promise<FileEntry[]> {
  const own = file('usr/share/doc/berth/LICENSE', await readFile(join(ROOT, 'LICENSE')))
  const others = ['busybox-static', 'libc6', 'ca-certificates'].map(async (name) => {
    const path = `usr/share/doc/${name}/copyright`
    return file(path, await requireFile(`/${path}`, name))
  })
  return [own, ...(await Promise.all(others))]
}

/** With each directory that a path leads through, once, before what is in it. */
function withParents(entries: readonly FileEntry[]): FileEntry[] {
  const named = new Map(entries.map((entry) => [entry.path, entry]))
  for (const { path } of entries) {
    const names = path.split('/')
    for (let depth = 1; depth < names.length; depth++) {
      const parent = names.slice(0, depth).join('/')
      if (!named.has(parent)) named.set(parent, directory(parent, 0o755))
    }
  }
  return [...named.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

function file(path: string, content: Uint8Array, mode = 0o644): RegularFile {
  return { kind: 'file', path, mode, content }
}

function directory(path: string, mode: number): DirectoryEntry {
  return { kind: 'directory', path, mode }
}

function link(path: string, target: string): SymbolicLink {
  return { kind: 'link', path, target }
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
