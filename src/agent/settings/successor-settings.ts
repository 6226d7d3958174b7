import { textsIn } from '../../images/files/parsed-json.ts'
import type { Container, Image, Json } from '../docker/docker.ts'
import { endpointsOf } from './endpoints.ts'
import { withoutDefaults } from './image-defaults.ts'
import { withItsVolumes } from './kept-volumes.ts'

/** Labels in which the agent notes what it does; they are not the container's own. */
export const NOTE_PREFIX = 'berth.agent.'

export interface Successor {
  readonly of: Container
  /** The image that its predecessor was made of; undefined: it is no more. */
  readonly oldImage: Image | undefined
  /** As the new container is to name its image. */
  readonly image: string
  /** Labels to add, or to write in the place of those that it has. */
  readonly labels: Readonly<Record<string, string>>
}

/** The body of the create call for a container with all settings of another one, and another image. */
export function successorSettings({ of, oldImage, image, labels }: Successor): Json {
  const { settings } = of
  const config = withoutDefaults(settings.config, oldImage?.config ?? {})
  const hostConfig = { ...withItsVolumes(settings), ...linksOf(settings.hostConfig) }
  return {
    ...config,
    ...(keepsHostname(of) ? {} : { Hostname: undefined }),
    ...(isJoined(hostConfig) ? { Hostname: undefined, Domainname: undefined, ExposedPorts: undefined } : {}),
    Image: image,
    Labels: { ...ownLabels(config.Labels), ...labels },
    HostConfig: hostConfig,
    NetworkingConfig: { EndpointsConfig: endpointsOf(of).first },
  }
}

function ownLabels(labels: unknown): Json {
  if (typeof labels !== 'object' || labels === null) return {}
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !name.startsWith(NOTE_PREFIX)))
}

/** Docker names a container by its id where it was given no name, and by its host where that shares its name. */
function keepsHostname({ id, settings: { config, hostConfig } }: Container): boolean {
  return config.Hostname !== id.slice(0, 12) && hostConfig.UTSMode !== 'host' && hostConfig.NetworkMode !== 'host'
}

/** In the network of another container, which has the name and the ports. */
function isJoined({ NetworkMode }: Json): boolean {
  return typeof NetworkMode === 'string' && NetworkMode.startsWith('container:')
}

/** The daemon tells links as `/other:/own/alias`, and takes them as `other:alias`. */
function linksOf({ Links }: Json): Json {
  const links = textsIn(Links)
  if (links.length === 0) return {}
  return { Links: links.map((link) => link.replace(/^\/([^:]+):(?:.*\/)?([^/]+)$/, '$1:$2')) }
}
