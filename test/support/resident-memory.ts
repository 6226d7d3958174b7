import { readFile } from 'node:fs/promises'

/** The most resident memory that a process ever had, in MiB, as the kernel counts it. */
export async function peakMibOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024
}
