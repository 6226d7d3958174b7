import { readFile, readlink } from 'node:fs/promises'
import { undefinedIfMissing } from '../../runtime/error-code.ts'
import type { Container, Docker } from '../docker/docker.ts'

/** An agent: a container of this daemon, or a process of some machine or container. */
export interface Self {
  /** As notes name it. */
  readonly owner: string
  /** The container that it runs in. */
  readonly containerId: string | undefined
}

/** Who this process is. In a container the kernel tells which of Docker's folders are mounted; the daemon is asked whether it knows it. */
export async function findSelf(docker: Docker): Promise<Self> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(undefinedIfMissing)
  const [, id] = /\/containers\/([0-9a-f]{64})\/(?:hostname|hosts|resolv\.conf)\b/.exec(mounts ?? '') ?? []
  const container = id === undefined ? undefined : await docker.findContainer(id)
  if (container !== undefined) return { owner: `container:${container.id}`, containerId: container.id }
  return { owner: `process:${await placeOfProcesses()}:${process.pid}:${await startOf(process.pid)}`, containerId: undefined }
}

/** An agent that cannot be seen from here counts as dead when its work has stood still for so long: an hour for a stop is the longest step. */
const STANDSTILL_MS = 2 * 60 * 60_000

/** Whether the agent that made a container may still be at work on it. */
export async function isAtWork(
  owner: string,
  {
    self,
    docker,
    changedMs,
    nowMs,
  }: { readonly self: Self; readonly docker: Docker; readonly changedMs: number; readonly nowMs: number },
): Promise<boolean> {
  if (owner === self.owner) return false
  const [kind, first = '', pid = '', start] = owner.split(':')
  if (kind === 'container') {
    const container = first === self.containerId ? undefined : await docker.findContainer(first)
    return container?.state === 'running'
  }
  const [boot] = first.split('.')
  const place = await placeOfProcesses()
  if (boot !== place.split('.')[0]) return false
  if (first === place) return (await startOf(Number(pid))) === start
  return nowMs - changedMs < STANDSTILL_MS
}

/** When a container last began or ended. */
export function changeOf(container: Container | undefined): number {
  return container === undefined ? 0 : Math.max(container.createdMs, container.startedMs, container.finishedMs)
}

/** The start of this machine, and the set of processes that can see one another. */
async function placeOfProcesses(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(undefinedIfMissing)
  const space = await readlink('/proc/self/ns/pid').catch(undefinedIfMissing)
  return `${boot?.trim() ?? ''}.${/\d+/.exec(space ?? '')?.[0] ?? ''}`
}

/** In ticks since the machine started: a number of a process is used again, with another start. Undefined: there is no such process. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(undefinedIfMissing)
  // The name in parentheses may hold anything.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}
