import { availableParallelism } from 'node:os'
import { AcmeCache, orderedCertificates } from '../certificates/acme/acme-cache.ts'
import { type CertificateStore, givenCertificate } from '../certificates/certificate-store.ts'
import { Certificates, type OnShown } from '../certificates/certificates.ts'
import { selfSignedCertificate } from '../certificates/self-signed.ts'
import type { Config } from '../config/config.ts'
import type { TlsConfig } from '../config/tls-config.ts'
import { bounded, connectionBoundOf, portOf } from '../http/connections/bounded-server.ts'
import type { ConnectionBound } from '../http/connections/connection-bound.ts'
import { limitsOfProcess } from '../http/connections/connection-limits.ts'
import type { Handler } from '../http/pipeline.ts'
import { withAuthority } from '../http/request/authority.ts'
import { type HttpServer, type Listen, listen as listenForFiles } from '../http/server/server.ts'
import { listenForStreams } from '../http/server/stream-server.ts'
import { listenTls } from '../http/server/tls-server.ts'
import type { Log } from '../observe/log.ts'
import { processCount } from '../processes/count.ts'
import { requireFreePort } from '../processes/free-port.ts'
import { listenErrorOf } from './listen-error.ts'

/** The server that clients talk to. */
export type PublicServer = HttpServer

export interface PublicServerOptions {
  readonly config: Config
  /** One of several processes that share a port; see StartOptions. */
  readonly shared: { readonly port: number | undefined } | undefined
  /** Undefined: the one that suits the storage. */
  readonly server: Listen | undefined
  readonly handler: Handler
  readonly onCertificates: OnShown
  /** Is told of each connection that was closed because there were too many. */
  readonly onSurplus: ((reason: 'total' | 'address') => void) | undefined
  readonly log: Log
}

/** Listens where the configuration says, with TLS if it says so. Throws CertificateError or ListenError. */
export async function servePublic(options: PublicServerOptions): Promise<PublicServer> {
  try {
    return await serveAt(options)
  } catch (error) {
    throw listenErrorOf(error, { setting: 'http.addr', address: options.config.http.listen })
  }
}

async function serveAt(options: PublicServerOptions): Promise<PublicServer> {
  const { config, shared, server: chosen, handler, onCertificates, log } = options
  const { listen: configured, tls, idle: patience } = config.http
  // Blobs in an object store are streams.
  const listen = chosen ?? (config.storage.driver.kind === 's3' ? listenForStreams : listenForFiles)
  const port = shared?.port === undefined ? {} : { port: shared.port }
  const address = configured.kind === 'tcp' ? { ...configured, ...port } : configured
  if (address.kind !== 'tcp') return await listen({ address, reusePort: false, handler, log, patience })
  const descriptors = boundOf(options)
  if (tls === undefined) {
    const server = await listen({ address, reusePort: shared !== undefined, handler, log, patience, descriptors })
    return bounded(server, descriptors)
  }
  // With SO_REUSEPORT a process gets the port also where another program shares it.
  if (shared === undefined) await requireFreePort(address)
  const certificates = await Certificates.open({ tls, store: storeOf(tls), log, onShown: onCertificates })
  const server = await listenTls({
    address,
    tls: certificates.current,
    listen,
    handler: withAuthority(() => certificates.authority, handler),
    log,
    patience,
    descriptors,
  })
  const { stop } = bounded(server, descriptors)
  certificates.watch(async (material) => {
    await server.renew(material)
    descriptors?.listens(portOf(server), server)
  })
  return {
    ...server,
    stop: async (stopping) => {
      await certificates.stop()
      await stop(stopping)
    },
  }
}

function boundOf({ config, shared, onSurplus, log }: PublicServerOptions): ConnectionBound | undefined {
  const { connections, trustedProxies } = config.http
  const processes = shared === undefined ? 1 : processCount(config, availableParallelism(), process.platform)
  const limitsOf = (descriptorLimit: number) => limitsOfProcess(connections, { processes, descriptorLimit })
  return connectionBoundOf({ limitsOf, trustedProxies, log, ...(onSurplus === undefined ? {} : { onCut: onSurplus }) })
}

function storeOf({ source }: TlsConfig): CertificateStore {
  switch (source.kind) {
    case 'files':
      return givenCertificate(source.certificate, source.key)
    case 'self-signed':
      return selfSignedCertificate(source.folder, source.hosts)
    case 'acme':
      return orderedCertificates(new AcmeCache(source.folder), source.hosts)
  }
}
