import { nginx } from './nginx.ts'
import type { ProxyRecipe, ProxySite } from './proxy-recipe.ts'

/** Every proxy that there is a configuration for. */
export const PROXIES = { nginx, traefik, caddy, haproxy, apache } satisfies Readonly<Record<string, ProxyRecipe>>

export type ProxyName = keyof typeof PROXIES
export const PROXY_NAMES = Object.keys(PROXIES) as ProxyName[]

function traefik({ host, port, upstream, certificate, key }: ProxySite): string {
  return `# Two files. The first is Traefik's own, /etc/traefik/traefik.yml:
#
#   entryPoints:
#     registry:
#       address: ":${port}"
#       transport:
#         respondingTimeouts:
#           readTimeout: 0s      # the default of 60s cuts every upload that takes longer
#           idleTimeout: 180s
#   providers:
#     file: {directory: /etc/traefik/dynamic, watch: true}
#
# This is the second, /etc/traefik/dynamic/registry.yml. No middleware that buffers or compresses belongs here.
http:
  routers:
    registry:
      rule: Host(\`${host}\`)
      entryPoints: [registry]
      service: berth
      tls: {}
  services:
    berth:
      loadBalancer:
        passHostHeader: true
        servers:
          - url: http://${upstream}
tls:
  certificates:
    - certFile: ${certificate}
      keyFile: ${key}
`
}

function caddy({ host, port, upstream, certificate, key }: ProxySite): string {
  return `# /etc/caddy/Caddyfile; then: caddy reload --config /etc/caddy/Caddyfile
# Without the line "tls", Caddy orders a certificate by itself.
{
	servers {
		# Tokens of some clients are large; Berth takes 64 KiB of headers.
		max_header_size 68KiB
	}
}

${host}:${port} {
	tls ${certificate} ${key}
	# Caddy keeps Host, sets X-Forwarded-*, and limits neither size nor time by itself.
	reverse_proxy ${upstream} {
		flush_interval -1
	}
}
`
}

function haproxy({ host, port, upstream, certificate }: ProxySite): string {
  return `# /etc/haproxy/haproxy.cfg, below the sections "global" and "defaults"; then: systemctl reload haproxy
# ${certificate} holds the certificate, the chain and the key, one after the other.
global
    # Tokens of some clients are large; Berth takes 64 KiB of headers.
    tune.bufsize 69632

frontend registry
    mode http
    bind :${port} ssl crt ${certificate}
    # A slow client may take its time; an idle one may not.
    timeout client 15m
    timeout http-request 10s
    timeout http-keep-alive 2m
    option forwardfor
    http-request set-header X-Forwarded-Proto https
    http-request deny status 421 unless { hdr(host) -i ${host} ${host}:${port} }
    default_backend berth

backend berth
    mode http
    timeout connect 5s
    # A disk that syncs a large layer takes its time.
    timeout server 15m
    option httpchk GET /livez
    server berth ${upstream} check
`
}

function apache({ host, port, upstream, certificate, key }: ProxySite): string {
  return `# /etc/apache2/sites-available/registry.conf; then:
#   a2enmod ssl proxy proxy_http headers reqtimeout && a2ensite registry && systemctl reload apache2
# "Listen ${port}" belongs into /etc/apache2/ports.conf, if it is not there.
<VirtualHost *:${port}>
    ServerName ${host}

    SSLEngine on
    SSLCertificateFile    ${certificate}
    SSLCertificateKeyFile ${key}

    # Layers have any size; since 2.4.54 Apache refuses 1 GiB and more by itself. They take their time.
    LimitRequestBody 0
    # Tokens of some clients are large; Berth takes 64 KiB of headers.
    LimitRequestFieldSize 65536
    LimitRequestLine 65536
    RequestReadTimeout header=20-40,MinRate=500 body=0
    Timeout 900
    ProxyTimeout 900

    ProxyRequests Off
    # Host with its port, and paths as they came.
    ProxyPreserveHost On
    RequestHeader set X-Forwarded-Proto https
    ProxyPass        / http://${upstream}/ nocanon
    ProxyPassReverse / http://${upstream}/
</VirtualHost>
`
}
