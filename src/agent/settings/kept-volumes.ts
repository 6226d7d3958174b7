import { objectIn, textsIn } from '../../images/files/parsed-json.ts'
import type { ContainerSettings, Json } from '../docker/docker.ts'

/**
 * The host config of a container, with its volumes without a name named: a container that is made anew would get empty ones. A path that
 * the next image declares no more keeps its volume.
 */
export function withItsVolumes({ config, hostConfig, mounts }: ContainerSettings): Json {
  const volumes = mounts.filter(({ Type, Name }) => Type === 'volume' && typeof Name === 'string')
  const volumeAt = (path: unknown) => volumes.find(({ Destination }) => Destination === path)
  const kept = Array.isArray(hostConfig.Mounts) ? hostConfig.Mounts.map(objectIn) : []
  const named = kept.map((mount) => {
    const isUnnamed = mount.Type === 'volume' && (mount.Source === undefined || mount.Source === '')
    const volume = isUnnamed ? volumeAt(mount.Target) : undefined
    return volume === undefined ? mount : { ...mount, Source: volume.Name }
  })
  const binds = textsIn(hostConfig.Binds)
  const said = new Set([...binds.map(targetOf), ...kept.map(({ Target }) => Target)].map(bare))
  // Those of the image and of `-v /path` stand here; what came with --volumes-from comes with it again.
  const declared = new Set(Object.keys(objectIn(config.Volumes)).map(bare))
  const unnamed = volumes.map((volume): Json => ({ ...volume, Destination: bare(volume.Destination) }))
  const added = unnamed
    .filter(({ Destination }) => declared.has(bare(Destination)) && !said.has(bare(Destination)))
    .map(({ Name, Destination, RW }) => `${Name}:${Destination}${RW === false ? ':ro' : ''}`)
  return {
    ...hostConfig,
    ...(named.length === 0 ? {} : { Mounts: named }),
    ...(added.length === 0 ? {} : { Binds: [...binds, ...added] }),
  }
}

/** The volumes that a container got by --volumes-from, written as binds: the container that lent them does not exist any more. */
export function bindsOfLenders({ config, hostConfig, mounts }: ContainerSettings): readonly string[] {
  const named = Array.isArray(hostConfig.Mounts) ? hostConfig.Mounts.map((mount) => objectIn(mount).Target) : []
  const own = [...textsIn(hostConfig.Binds).map(targetOf), ...named, ...Object.keys(objectIn(config.Volumes))].map(bare)
  return mounts.flatMap(({ Type, Name, Source, Destination, RW }) => {
    const source = Type === 'volume' ? Name : Source
    // What lies in memory alone has no source.
    if (Type === 'tmpfs' || typeof source !== 'string' || own.includes(bare(Destination))) return []
    return [`${source}:${bare(Destination)}${RW === false ? ':ro' : ''}`]
  })
}

/** `source:target` or `source:target:options`; `/target` alone has no source. */
function targetOf(bind: string): string {
  const [first = '', second] = bind.split(':')
  return second ?? first
}

function bare(path: unknown): string {
  return typeof path === 'string' ? path.replace(/(?<=.)\/+$/, '') : ''
}
