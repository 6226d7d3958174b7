/** How clients come to a proxy, and where the proxy finds the registry. */
export interface ProxySite {
  /** The name that clients use. */
  readonly host: string
  /** The port that clients use; TLS ends there. */
  readonly port: number
  /** Where Berth listens, by plain HTTP: `127.0.0.1:5000`. */
  readonly upstream: string
  /** Files on the proxy's machine. */
  readonly certificate: string
  readonly key: string
}

/** A configuration file, with what to do with it in comments. */
export type ProxyRecipe = (site: ProxySite) => string
