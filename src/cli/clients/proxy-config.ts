import { Argument, type Command } from 'commander'
import { findHost } from '../../config/schema/values.ts'
import { findTcpAddress } from '../../config/words/listen-address.ts'
import { PROXIES, PROXY_NAMES, type ProxyName } from '../../recipes/proxies.ts'
import { CommandError } from '../command-error.ts'

interface ProxyOptions {
  readonly host: string
  readonly port: string
  readonly upstream: string
  readonly certificate?: string
  readonly key?: string
}

export function addProxyConfig(program: Command): void {
  program
    .command('proxy-config')
    .description('Prints a configuration for a proxy that speaks HTTPS in front of Berth.')
    .addArgument(new Argument('<proxy>', 'which proxy').choices(PROXY_NAMES))
    .option('--host <name>', 'the name that clients use', 'registry.example.com')
    .option('--port <number>', 'the port that clients use', '443')
    .option('--upstream <address>', 'where Berth listens', '127.0.0.1:5000')
    .option('--certificate <file>', "the file with the proxy's certificate; for haproxy with its key too")
    .option('--key <file>', 'the file with its key')
    .action(printProxyConfig)
    .copyInheritedSettings(program)
}

/** Where Debian keeps them for each. */
const FOLDERS: Readonly<Record<ProxyName, string>> = {
  nginx: '/etc/nginx/ssl',
  traefik: '/etc/traefik/certs',
  caddy: '/etc/caddy/certs',
  haproxy: '/etc/haproxy/certs',
  apache: '/etc/apache2/ssl',
}

/** Throws CommandError. */
export function printProxyConfig(proxy: ProxyName, { host, port, upstream, certificate, key }: ProxyOptions): void {
  if (findHost(host) === undefined) throw new CommandError(`${host} is not a host name`)
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) throw new CommandError(`${port} is not a port`)
  if (findTcpAddress(upstream)?.hostname === undefined)
    throw new CommandError(`${upstream} is not an address; write it as 127.0.0.1:5000`)
  const folder = FOLDERS[proxy]
  const site = {
    host,
    port: Number(port),
    upstream,
    certificate: checkPath(certificate ?? `${folder}/${host}.${proxy === 'haproxy' ? 'pem' : 'crt'}`),
    key: checkPath(key ?? `${folder}/${host}.key`),
  }
  process.stdout.write(PROXIES[proxy](site))
}

/** Each proxy has other rules for quoting; a path that needs none is not too much to ask. */
function checkPath(path: string): string {
  if (/^[A-Za-z0-9/._*@%+=,-]+$/.test(path)) return path
  throw new CommandError(`${path} has letters that configuration files do not take as they are; choose another path`)
}
