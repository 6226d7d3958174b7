# Builds the image where there is a network: `docker build -t berth .`. `npm run image` makes the same one without network or daemon.
# The digest is that of the image index of this version, as Docker publishes it: a tag may name other content tomorrow.
FROM node:24.18.0-bookworm-slim@sha256:6f7b03f7c2c8e2e784dcf9295400527b9b1270fd37b7e9a7285cf83b6951452d AS build
RUN apt-get update && apt-get install -y --no-install-recommends busybox-static ca-certificates && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
COPY scripts/install.sh scripts/
RUN sh scripts/install.sh
COPY . .
RUN npx bun scripts/image-root.ts /tmp/root.tar && mkdir /image && tar -xf /tmp/root.tar -C /image

FROM scratch
COPY --from=build /image /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LABEL org.opencontainers.image.title="Berth" \
      org.opencontainers.image.description="A private container registry that takes over from registry:2 in place" \
      org.opencontainers.image.licenses="Apache-2.0"
EXPOSE 5000
VOLUME ["/var/lib/registry"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=10s --start-period=30s CMD ["/bin/berth", "health"]
ENTRYPOINT ["/entrypoint.sh"]
CMD ["/etc/docker/registry/config.yml"]
