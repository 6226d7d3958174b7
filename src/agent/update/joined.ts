import { textsIn } from '../../images/files/parsed-json.ts'
import type { Container, Docker, Json } from '../docker/docker.ts'
import { bindsOfLenders } from '../settings/kept-volumes.ts'
import { findNotes } from './notes.ts'

/** What a container may share with another one. */
const SHARED = ['NetworkMode', 'IpcMode', 'PidMode'] as const

/** The container that a mode names; undefined: none. */
export function joinedTo(mode: unknown): string | undefined {
  return typeof mode === 'string' && mode.startsWith('container:') ? mode.slice('container:'.length) : undefined
}

/** A container with the successors of those that it shared something with, where they were replaced meanwhile. */
export async function rejoined(container: Container, docker: Docker): Promise<Container> {
  const { settings } = container
  const hostConfig: Record<string, unknown> = { ...settings.hostConfig }
  for (const kind of SHARED) {
    const joined = joinedTo(hostConfig[kind])
    if (joined === undefined || (await docker.findContainer(joined)) !== undefined) continue
    const successor = (await docker.listContainers()).find(({ labels }) => findNotes({ labels })?.replaces === joined)
    if (successor !== undefined) hostConfig[kind] = `container:${successor.id}`
  }
  return { ...container, settings: { ...settings, hostConfig: { ...hostConfig, ...(await lentTo(container, docker)) } } }
}

/** Compose names lenders of volumes by their ids, which the daemon does not know any more once they were replaced; the volumes are there. */
async function lentTo({ settings }: Container, docker: Docker): Promise<Json> {
  const lenders = textsIn(settings.hostConfig.VolumesFrom)
  const found = await Promise.all(lenders.map((lender) => docker.findContainer(lender.replace(/:.*/, ''))))
  if (!found.includes(undefined)) return {}
  return {
    VolumesFrom: lenders.filter((_, place) => found[place] !== undefined),
    Binds: [...textsIn(settings.hostConfig.Binds), ...bindsOfLenders(settings)],
  }
}
