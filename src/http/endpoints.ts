import { getAccount, getPermissions, listRules } from './api/accounts/account.ts'
import { addMember, listGroups, removeGroup, removeMember } from './api/accounts/groups.ts'
import { createRobot, listRobots, revokeRobot } from './api/accounts/robots.ts'
import { addUser, listUsers, removeUser, setPassword } from './api/accounts/users.ts'
import { listActivity } from './api/activity/activity.ts'
import { listenToEvents } from './api/activity/events.ts'
import { deleteContent, previewDeletion } from './api/deletions.ts'
import { listApiDeployments } from './api/deployments/deployments.ts'
import { forgetHost, reportDeployments } from './api/deployments/reports.ts'
import { getApiImage, listApiRepositories, listApiTags } from './api/images.ts'
import { findFiles, findPackages } from './api/inside/found.ts'
import { getDifference, getFile, getInside, getSbom, listFiles, listPackages } from './api/inside/inside.ts'
import { getOpenApi } from './api/openapi/document.ts'
import { deleteByPattern, previewDeletionByPattern } from './api/pattern-deletions.ts'
import { listQuotas } from './api/quotas.ts'
import { getCollection } from './api/registry/collection.ts'
import { getProgress } from './api/registry/progress.ts'
import { getWholeStorage } from './api/registry/storage.ts'
import { describeRepository, starRepository, undescribeRepository, unstarRepository } from './api/remarks.ts'
import { compareImages, getApiRepository, getStorageUse } from './api/repository.ts'
import { previewRetention } from './api/retention.ts'
import { getTagHistory, restoreTag } from './api/tag-past.ts'
import { listDeleted, undelete } from './api/undeletions.ts'
import { listApiDeliveries, replayToWebhook, testApiWebhook } from './api/webhooks/deliveries.ts'
import { addApiWebhook, changeApiWebhook, listApiWebhooks, removeApiWebhook } from './api/webhooks/webhooks.ts'
import type { Endpoints, Resource, RouteTo } from './endpoint.ts'
import { getBase, getRoot } from './handlers/base.ts'
import { deleteBlob, getBlob } from './handlers/blobs.ts'
import { listRepositories } from './handlers/catalog.ts'
import { deleteManifest, getManifest, putManifest } from './handlers/manifests.ts'
import { listReferrers } from './handlers/referrers.ts'
import { pingSearch, search } from './handlers/search.ts'
import { listTags } from './handlers/tags.ts'
import { deleteUpload, getUpload, patchUpload, postUpload, putUpload } from './handlers/uploads.ts'
import { PAGE_ENDPOINTS } from './page/page-endpoints.ts'
import type { Route } from './routes.ts'

/** The API on one page: what the methods of a resource are in the spec, and which handler answers them. */
const ENDPOINTS: { readonly [Name in Resource]: Endpoints<RouteTo<Name>> } = {
  root: { GET: { id: 'root', action: 'pull', answer: getRoot, duringHandover: true } },
  base: { GET: { id: 'end-1', action: 'pull', answer: getBase, duringHandover: true } },
  blob: {
    GET: { id: 'end-2', action: 'pull', answer: getBlob, duringHandover: true },
    DELETE: { id: 'end-10', action: 'delete', answer: deleteBlob },
  },
  manifest: {
    GET: { id: 'end-3', action: 'pull', answer: getManifest, duringHandover: true },
    PUT: { id: 'end-7', action: 'push', answer: putManifest },
    DELETE: { id: 'end-9', action: 'delete', answer: deleteManifest },
  },
  uploads: { POST: { id: 'end-4', action: 'push', answer: postUpload } },
  upload: {
    PATCH: { id: 'end-5', action: 'push', answer: patchUpload },
    PUT: { id: 'end-6', action: 'push', answer: putUpload },
    GET: { id: 'end-13', action: 'push', answer: getUpload },
    DELETE: { id: 'end-14', action: 'push', answer: deleteUpload },
  },
  tags: { GET: { id: 'end-8', action: 'list', answer: listTags } },
  referrers: { GET: { id: 'end-12', action: 'pull', answer: listReferrers } },
  catalog: { GET: { id: 'catalog', action: 'list', answer: listRepositories } },
  'search-ping': { GET: { id: 'search', action: 'pull', answer: pingSearch, duringHandover: true } },
  search: { GET: { id: 'search', action: 'list', answer: search } },
  'api-openapi': { GET: { id: 'api', action: 'pull', answer: getOpenApi } },
  'api-repositories': { GET: { id: 'api', action: 'list', answer: listApiRepositories } },
  'api-activity': { GET: { id: 'api', action: 'list', answer: listActivity } },
  'api-events': { GET: { id: 'api', action: 'list', answer: listenToEvents } },
  'api-repository': { GET: { id: 'api', action: 'list', answer: getApiRepository } },
  'api-star': {
    PUT: { id: 'api', action: 'pull', answer: starRepository, changesRecords: true },
    DELETE: { id: 'api', action: 'pull', answer: unstarRepository, changesRecords: true },
  },
  'api-description': {
    PUT: { id: 'api', action: 'push', answer: describeRepository, changesRecords: true },
    DELETE: { id: 'api', action: 'push', answer: undescribeRepository, changesRecords: true },
  },
  'api-storage': { GET: { id: 'api', action: 'list', answer: getStorageUse } },
  'api-compare': { GET: { id: 'api', action: 'pull', answer: compareImages } },
  'api-tags': { GET: { id: 'api', action: 'list', answer: listApiTags } },
  'api-image': { GET: { id: 'api', action: 'pull', answer: getApiImage } },
  'api-deletion': {
    GET: { id: 'api', action: 'delete', answer: previewDeletion },
    POST: { id: 'api', action: 'delete', answer: deleteContent },
  },
  'api-pattern': {
    GET: { id: 'api', action: 'delete', answer: previewDeletionByPattern },
    POST: { id: 'api', action: 'delete', answer: deleteByPattern },
  },
  'api-deleted': { GET: { id: 'api', action: 'push', answer: listDeleted } },
  'api-undelete': { POST: { id: 'api', action: 'push', answer: undelete } },
  'api-history': { GET: { id: 'api', action: 'pull', answer: getTagHistory } },
  'api-restore': { POST: { id: 'api', action: 'push', answer: restoreTag } },
  'api-quotas': { GET: { id: 'api', action: 'push', answer: listQuotas } },
  'api-retention': { GET: { id: 'api', action: 'push', answer: previewRetention } },
  'api-collection': { GET: { id: 'api', action: 'list', answer: getCollection } },
  'api-whole-storage': { GET: { id: 'api', action: 'list', answer: getWholeStorage } },
  'api-inside': { GET: { id: 'api', action: 'pull', answer: getInside } },
  'api-found-files': { GET: { id: 'api', action: 'list', answer: findFiles } },
  'api-found-packages': { GET: { id: 'api', action: 'list', answer: findPackages } },
  'api-packages': { GET: { id: 'api', action: 'pull', answer: listPackages } },
  'api-files': { GET: { id: 'api', action: 'pull', answer: listFiles } },
  'api-file': { GET: { id: 'api', action: 'pull', answer: getFile } },
  'api-difference': { GET: { id: 'api', action: 'pull', answer: getDifference } },
  'api-sbom': { GET: { id: 'api', action: 'pull', answer: getSbom } },
  'api-progress': { GET: { id: 'api', action: 'list', answer: getProgress } },
  'api-deployments': { GET: { id: 'api', action: 'list', answer: listApiDeployments } },
  'api-deployment-host': {
    PUT: { id: 'api', action: 'pull', answer: reportDeployments, changesRecords: true },
    DELETE: { id: 'api', action: 'pull', answer: forgetHost, changesRecords: true },
  },
  'api-account': { GET: { id: 'api', action: 'pull', answer: getAccount } },
  'api-permissions': { GET: { id: 'api', action: 'pull', answer: getPermissions } },
  'api-rules': { GET: { id: 'api', action: 'pull', answer: listRules } },
  'api-users': {
    GET: { id: 'api', action: 'pull', answer: listUsers },
    POST: { id: 'api', action: 'push', answer: addUser, changesRecords: true },
  },
  'api-user': { DELETE: { id: 'api', action: 'push', answer: removeUser, changesRecords: true } },
  'api-password': { PUT: { id: 'api', action: 'push', answer: setPassword, changesRecords: true } },
  'api-groups': { GET: { id: 'api', action: 'pull', answer: listGroups } },
  'api-group': { DELETE: { id: 'api', action: 'push', answer: removeGroup, changesRecords: true } },
  'api-member': {
    PUT: { id: 'api', action: 'push', answer: addMember, changesRecords: true },
    DELETE: { id: 'api', action: 'push', answer: removeMember, changesRecords: true },
  },
  'api-robots': {
    GET: { id: 'api', action: 'pull', answer: listRobots },
    POST: { id: 'api', action: 'push', answer: createRobot, changesRecords: true },
  },
  'api-robot': { DELETE: { id: 'api', action: 'push', answer: revokeRobot, changesRecords: true } },
  'api-webhooks': {
    GET: { id: 'api', action: 'pull', answer: listApiWebhooks },
    POST: { id: 'api', action: 'push', answer: addApiWebhook, changesRecords: true },
  },
  'api-webhook': {
    PUT: { id: 'api', action: 'push', answer: changeApiWebhook, changesRecords: true },
    DELETE: { id: 'api', action: 'push', answer: removeApiWebhook, changesRecords: true },
  },
  'api-webhook-test': { POST: { id: 'api', action: 'pull', answer: testApiWebhook } },
  'api-webhook-deliveries': { GET: { id: 'api', action: 'pull', answer: listApiDeliveries } },
  'api-webhook-replay': { POST: { id: 'api', action: 'push', answer: replayToWebhook, changesRecords: true } },
  ...PAGE_ENDPOINTS,
}

/** What can be done with the resource of a route. */
export function endpointsOf(route: Route): Endpoints<Route> {
  // A table cannot tell the compiler that the row of a resource takes the routes to it.
  return ENDPOINTS[route.resource] as Endpoints<Route>
}
