/** nginx in front of a registry, as a published page of tips has it; only the paths of the certificate are the test's. */
export function publishedNginxSite(certificate: string, key: string): string {
  return `
server {
    listen 80;
    server_name docker.example.com;

    location / {
        return  301 https://$server_name$request_uri;
    }
}

server {
    listen 443 ssl;
    server_name docker.example.com;

    ssl_certificate     ${certificate};
    ssl_certificate_key ${key};
    ssl_protocols       TLSv1 TLSv1.1 TLSv1.2;
    ssl_ciphers         HIGH:!aNULL:!MD5;

    # disable any limits to avoid HTTP 413 for large image uploads
    client_max_body_size 0;

    # required to avoid HTTP 411: see Issue #1486 (https://github.com/docker/docker/issues/1486)
    chunked_transfer_encoding on;

    location = / {
        add_header Content-Type text/plain;
        return 200 "Docker Repository";
    }

    location /v2/ {
        # Do not allow connections from docker 1.5 and earlier
        # docker pre-1.6.0 did not properly set the user agent on ping, catch "Go *" user agents
        if ($http_user_agent ~ "^(docker\\/1\\.(3|4|5(?!\\.[0-9]-dev))|Go ).*$" ) {
            return 404;
        }

        proxy_pass http://127.0.0.1:5000;
        proxy_set_header Host              $http_host;
        proxy_set_header X-Real-IP         $remote_addr;
        proxy_set_header X-Forwarded-For   $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_read_timeout 900;
    }
}
`
}
