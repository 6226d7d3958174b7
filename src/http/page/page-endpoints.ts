import type { Endpoints, RouteTo } from '../endpoint.ts'
import { getAsset } from './assets.ts'
import type { PageRoute } from './page-routes.ts'
import { showSignIn, signIn, signOut } from './screens/account/sign-in.ts'
import { changeGroups, showGroups } from './screens/administration/groups.ts'
import { changeAccount, showAccount } from './screens/administration/own-account.ts'
import { showRules } from './screens/administration/rules.ts'
import { changeUsers, showUsers } from './screens/administration/users.ts'
import { changeWebhooks, showWebhooks } from './screens/administration/webhooks.ts'
import { bringBack, showDeleted } from './screens/changes/deleted.ts'
import { deleteChosen, showDeletion } from './screens/changes/deletion.ts'
import { showNowhere } from './screens/failure.ts'
import { showActivity } from './screens/home/activity.ts'
import { showDeployments } from './screens/home/deployments.ts'
import { showRepositories } from './screens/home/repositories.ts'
import { showStorage } from './screens/home/storage.ts'
import { showContent } from './screens/image/content.ts'
import { pointTagBack, showHistory } from './screens/image/history.ts'
import { showImage } from './screens/image/image.ts'
import { showFiles } from './screens/inside/files.ts'
import { showInside } from './screens/inside/inside.ts'
import { showComparison } from './screens/repository/comparison.ts'
import { describe, showDescription } from './screens/repository/description.ts'
import { showRepository } from './screens/repository/repository.ts'
import { showSpace } from './screens/repository/space.ts'
import { giveStar } from './screens/repository/star.ts'

/** The page's part of the table of endpoints. What changes something is a form of this host, which `dispatch` has looked at. */
export const PAGE_ENDPOINTS: { readonly [Name in PageRoute['resource']]: Endpoints<RouteTo<Name>> } = {
  'page-repositories': { GET: { id: 'page', action: 'list', answer: showRepositories } },
  'page-repository': { GET: { id: 'page', action: 'list', answer: showRepository } },
  'page-star': { POST: { id: 'page', action: 'pull', answer: giveStar, changesRecords: true } },
  'page-description': {
    GET: { id: 'page', action: 'push', answer: showDescription, changesRecords: true },
    POST: { id: 'page', action: 'push', answer: describe, changesRecords: true },
  },
  'page-deletion': {
    GET: { id: 'page', action: 'delete', answer: showDeletion },
    POST: { id: 'page', action: 'delete', answer: deleteChosen },
  },
  'page-deleted': {
    GET: { id: 'page', action: 'push', answer: showDeleted },
    POST: { id: 'page', action: 'push', answer: bringBack },
  },
  'page-comparison': { GET: { id: 'page', action: 'pull', answer: showComparison } },
  'page-space': { GET: { id: 'page', action: 'list', answer: showSpace } },
  'page-inside': { GET: { id: 'page', action: 'pull', answer: showInside } },
  'page-files': { GET: { id: 'page', action: 'pull', answer: showFiles } },
  'page-activity': { GET: { id: 'page', action: 'list', answer: showActivity } },
  'page-deployments': { GET: { id: 'page', action: 'list', answer: showDeployments } },
  'page-storage': { GET: { id: 'page', action: 'list', answer: showStorage } },
  'page-account': {
    GET: { id: 'page', action: 'pull', answer: showAccount },
    POST: { id: 'page', action: 'pull', answer: changeAccount, changesRecords: true },
  },
  'page-users': {
    GET: { id: 'page', action: 'pull', answer: showUsers },
    POST: { id: 'page', action: 'push', answer: changeUsers, changesRecords: true },
  },
  'page-groups': {
    GET: { id: 'page', action: 'pull', answer: showGroups },
    POST: { id: 'page', action: 'push', answer: changeGroups, changesRecords: true },
  },
  'page-rules': { GET: { id: 'page', action: 'pull', answer: showRules } },
  'page-webhooks': {
    GET: { id: 'page', action: 'pull', answer: showWebhooks },
    POST: { id: 'page', action: 'push', answer: changeWebhooks, changesRecords: true },
  },
  'page-image': { GET: { id: 'page', action: 'pull', answer: showImage } },
  'page-content': { GET: { id: 'page', action: 'pull', answer: showContent } },
  'page-history': {
    GET: { id: 'page', action: 'pull', answer: showHistory },
    POST: { id: 'page', action: 'push', answer: pointTagBack },
  },
  'page-asset': { GET: { id: 'page', action: 'pull', answer: getAsset, duringHandover: true } },
  'page-sign-in': {
    GET: { id: 'page', action: 'pull', answer: showSignIn, duringHandover: true },
    POST: { id: 'page', action: 'pull', answer: signIn, duringHandover: true },
  },
  'page-sign-out': { POST: { id: 'page', action: 'pull', answer: signOut, duringHandover: true } },
  'page-nowhere': { GET: { id: 'page', action: 'pull', answer: showNowhere, duringHandover: true } },
}
