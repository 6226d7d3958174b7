import { readdirSync, readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100

/** Seconds of processor time, in user and kernel mode, that a process and all below it have used until now. */
export function cpuSecondsOf(pid: number): number {
  const ticks = familyOf(pid).map((member) => {
    const [user, system] = statOf(member).slice(11, 13)
    return Number(user) + Number(system)
  })
  return ticks.reduce((sum, value) => sum + value, 0) / TICKS_PER_SECOND
}

/** Bytes in memory of the largest process of a family: now, and at its worst. */
export function residentBytesOf(pid: number): { readonly now: number; readonly peak: number } {
  const members = familyOf(pid).map((member) => readFileSync(`/proc/${member}/status`, 'utf8'))
  const largest = (field: string) =>
    Math.max(...members.map((status) => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) * 1024))
  return { now: largest('VmRSS'), peak: largest('VmHWM') }
}

/** From here on the peak counts anew. */
export function forgetPeak(pid: number): void {
  for (const member of familyOf(pid)) Bun.spawnSync(['sh', '-c', `echo 5 >/proc/${member}/clear_refs`])
}

/** A process and every process that it, or one of them, has started. */
export function familyOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) => {
    return readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  })
  return [pid, ...children.flatMap(familyOf)]
}

/** The fields of /proc/<pid>/stat that come after the name, which may contain anything. */
function statOf(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}
