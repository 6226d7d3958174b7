import type { ProxySite } from './proxy-recipe.ts'

export function nginx(site: ProxySite): string {
  const { host, port, upstream, certificate, key } = site
  return `# /etc/nginx/conf.d/registry.conf; then: nginx -t && systemctl reload nginx
upstream berth {
    server ${upstream};
    keepalive 16;
}

server {
    listen ${port} ssl;
    listen [::]:${port} ssl;
    server_name ${host};

    ssl_certificate     ${certificate};
    ssl_certificate_key ${key};
    ssl_protocols       TLSv1.2 TLSv1.3;

    # Layers have any size, and go on while they come instead of to a temporary file first.
    client_max_body_size 0;
    proxy_request_buffering off;
    proxy_max_temp_file_size 0;

    # Tokens of some clients are large, and a pull of parts of a layer names up to a thousand of them in one header. Berth takes 64 KiB in all.
    large_client_header_buffers 4 64k;

    # A slow client, and a disk that syncs a large layer, take their time.
    client_body_timeout 900s;
    proxy_read_timeout 900s;
    proxy_send_timeout 900s;
    send_timeout 900s;

    location / {
        proxy_pass http://berth;
        proxy_http_version 1.1;
        proxy_set_header Connection        "";
        # With its port, which $host would lose.
        proxy_set_header Host              $http_host;
        proxy_set_header X-Real-IP         $remote_addr;
        proxy_set_header X-Forwarded-For   $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
    }
}
${port === 443 ? redirectOf(site) : ''}`
}

function redirectOf({ host }: ProxySite): string {
  return `
server {
    listen 80;
    listen [::]:80;
    server_name ${host};
    return 308 https://$host$request_uri;
}
`
}
