import { readFileSync } from 'node:fs'

/** What is counted of the file system: calls by kind, and bytes that a call brought into or out of the memory of the program. */
export const FILE_CALLS = [
  'open',
  'stat',
  'statfs',
  'list',
  'mkdir',
  'rename',
  'unlink',
  'truncate',
  'read',
  'write',
  'fsync',
  'bytesRead',
  'bytesWritten',
] as const

export type FileCall = (typeof FILE_CALLS)[number]
export type FileCounts = Readonly<Record<FileCall, number>>

const KINDS: Readonly<Record<string, FileCall>> = {
  open: 'open',
  openat: 'open',
  creat: 'open',
  stat: 'stat',
  lstat: 'stat',
  fstat: 'stat',
  newfstatat: 'stat',
  statx: 'stat',
  access: 'stat',
  faccessat: 'stat',
  faccessat2: 'stat',
  statfs: 'statfs',
  fstatfs: 'statfs',
  getdents64: 'list',
  mkdir: 'mkdir',
  mkdirat: 'mkdir',
  rename: 'rename',
  renameat: 'rename',
  renameat2: 'rename',
  unlink: 'unlink',
  unlinkat: 'unlink',
  rmdir: 'unlink',
  truncate: 'truncate',
  ftruncate: 'truncate',
  read: 'read',
  pread64: 'read',
  readv: 'read',
  preadv: 'read',
  write: 'write',
  pwrite64: 'write',
  writev: 'write',
  pwritev: 'write',
  pwritev2: 'write',
  fsync: 'fsync',
  fdatasync: 'fsync',
}

/** Runs a program and writes its calls to a file. */
export function tracer(log: string): string[] {
  const calls = Object.keys(KINDS).map((name) => `?${name}`)
  return ['strace', '-f', '-y', '-ttt', '-qq', '-s', '0', '-e', `trace=${calls.join(',')}`, '-e', 'signal=none', '-o', log]
}

/** From when to when, in milliseconds since 1970. */
export interface TimeSpan {
  readonly from: number
  readonly to: number
}

/** Once a second a registry looks whether its storage is there; in a shorter span such a look is that of a request. */
const LOOKED_AT = '/berth/v1/store'
const LOOK_EVERY_MS = 1_000

const LINE = /^(\d+) +([\d.]+) (?:<\.\.\. )?(\w+)(\(| resumed)(.*)$/

/** The calls below a directory in each span of time. The metadata database is left out: its pages depend on what it held before. */
export function readTrace(log: string, directory: string, spans: readonly TimeSpan[]): FileCounts[] {
  const all = spans.map(() => Object.fromEntries(FILE_CALLS.map((name) => [name, 0])) as Record<FileCall, number>)
  /** Calls of threads that another one's line has cut in two. */
  const begun = new Map<string, Record<FileCall, number>>()
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const [, thread = '', seconds = '', call = '', how, rest = ''] = LINE.exec(line) ?? []
    const kind = KINDS[call]
    if (kind === undefined) continue
    if (how === ' resumed') {
      addBytes(begun.get(thread), kind, rest)
      begun.delete(thread)
      continue
    }
    const index = spans.findIndex(({ from, to }) => Number(seconds) * 1000 >= from && Number(seconds) * 1000 < to)
    const [span, counts] = [spans[index], all[index]]
    if (span === undefined || counts === undefined || !isContent(rest, directory)) continue
    if (span.to - span.from >= LOOK_EVERY_MS && rest.includes(LOOKED_AT)) continue
    counts[kind] += 1
    if (rest.endsWith('<unfinished ...>')) begun.set(thread, counts)
    else addBytes(counts, kind, rest)
  }
  return all
}

function isContent(text: string, directory: string): boolean {
  return text.includes(directory) && !text.includes('/berth/metadata.db') && !text.includes('/berth/run')
}

function addBytes(counts: Record<FileCall, number> | undefined, kind: FileCall, text: string): void {
  const bytes = Number(/= (\d+)\S*$/.exec(text)?.[1] ?? 0)
  if (counts === undefined || (kind !== 'read' && kind !== 'write')) return
  counts[kind === 'read' ? 'bytesRead' : 'bytesWritten'] += bytes
}
