/** A config.yml that registry:2, registry:3 and Berth read alike: deletes are on, the port is a free one. `more` is added. */
export function registryConfig(dataDirectory: string, more = ''): string {
  return `version: 0.1
log:
  level: info
storage:
  filesystem:
    rootdirectory: ${dataDirectory}
  delete:
    enabled: true
http:
  addr: 127.0.0.1:0
  secret: shared-by-all-registries-of-a-test
${more}`
}
