import { objectIn, textsIn } from '../../images/files/parsed-json.ts'
import type { Container, Json } from '../docker/docker.ts'

/** Networks of Docker's own, in which a container has neither aliases nor an address of its choice. */
const BUILT_IN: ReadonlySet<string> = new Set(['bridge', 'host', 'none', 'default'])

export interface Endpoints {
  /** For the create call, which takes one network in daemons before 25. */
  readonly first: Readonly<Record<string, Json>>
  /** To be connected before the start, in this order. */
  readonly others: readonly (readonly [network: string, endpoint: Json])[]
}

/** The networks that a container is in, as it asked for them. */
export function endpointsOf(container: Container): Endpoints {
  const { hostConfig, networks } = container.settings
  const mode = String(hostConfig.NetworkMode ?? '')
  const isFirst = ([name, endpoint]: readonly [string, Json]) => name === mode || endpoint.NetworkID === mode
  const all = Object.entries(networks).map(([name, endpoint]) => [name, askedFor(endpoint, container)] as const)
  const chosen = Object.entries(networks).find(isFirst)?.[0]
  const first = all.filter(([name]) => name === chosen && !BUILT_IN.has(name))
  const others = all.filter(([name]) => name !== chosen && !(BUILT_IN.has(name) && isBuiltIn(mode)))
  return { first: Object.fromEntries(first), others }
}

function isBuiltIn(mode: string): boolean {
  return BUILT_IN.has(mode) || mode === '' || mode.startsWith('container:')
}

/** Without what the daemon says of its own: addresses, and the id and the host name among the aliases. */
function askedFor({ IPAMConfig, Links, Aliases, DriverOpts, GwPriority }: Json, { id, settings }: Container): Json {
  const aliases = textsIn(Aliases).filter((alias) => alias !== id.slice(0, 12) && alias !== settings.config.Hostname)
  return {
    ...(Object.keys(objectIn(IPAMConfig)).length === 0 ? {} : { IPAMConfig }),
    ...(textsIn(Links).length === 0 ? {} : { Links }),
    ...(aliases.length === 0 ? {} : { Aliases: aliases }),
    ...(Object.keys(objectIn(DriverOpts)).length === 0 ? {} : { DriverOpts }),
    ...(typeof GwPriority === 'number' && GwPriority !== 0 ? { GwPriority } : {}),
  }
}

/** Why two of it cannot run at once; undefined: they can. */
export function whyNotTwice({ settings: { config, hostConfig, networks } }: Container): string | undefined {
  const ports = Object.values(objectIn(hostConfig.PortBindings)).flat().map(objectIn)
  if (ports.some(({ HostPort }) => typeof HostPort === 'string' && HostPort !== '' && HostPort !== '0'))
    return 'it publishes a port of the host'
  if (Object.values(networks).some(({ IPAMConfig }) => Object.keys(objectIn(IPAMConfig)).length > 0))
    return 'it has a fixed address'
  return typeof config.MacAddress === 'string' && config.MacAddress !== '' ? 'it has a fixed MAC address' : undefined
}
