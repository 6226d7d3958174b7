import type { EndpointSettings, NotificationSettings } from '../../src/registry/notifications/settings.ts'

const DAY_MS = 24 * 60 * 60 * 1000

export function endpointAt(url: string, more: Partial<EndpointSettings> = {}): EndpointSettings {
  const patience = { timeoutMs: 2_000, threshold: 2, backoffMs: 20 }
  return { name: 'endpoint', url, headers: {}, ...patience, ignoredMediaTypes: [], ignoredActions: [], ...more }
}

/** Events go to one endpoint, as the configuration has it by default. */
export function notificationsTo(url: string, more: Partial<NotificationSettings> = {}): NotificationSettings {
  return eventSettings({ endpoints: [endpointAt(url)], recordsPulls: true, ...more })
}

/** Events as there are by default: without endpoints. */
export function eventSettings(more: Partial<NotificationSettings> = {}): NotificationSettings {
  const limits = { keepMs: 7 * DAY_MS, sizeBytes: 200_000_000, listenersAtMost: 2_000 }
  const webhooks = { allowsLoopback: true, proxy: undefined }
  return { endpoints: [], includesReferences: false, port: 5000, recordsPulls: false, ...limits, webhooks, ...more }
}
