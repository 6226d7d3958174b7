import { z } from 'zod'
import { ACTIVITY } from '../activity/activity.ts'
import { EVENTS } from '../activity/events.ts'
import { ANSWERS } from '../answers.ts'
import { DELETION, LOOK } from '../deletions.ts'
import { DEPLOYMENT_ANSWERS } from '../deployments/answers.ts'
import { DEPLOYMENTS } from '../deployments/deployments.ts'
import { REPORT } from '../deployments/reports.ts'
import { IMAGE, REPOSITORIES, TAGS } from '../images.ts'
import { PATTERN, PATTERN_DELETION } from '../pattern-deletions.ts'
import { QUOTAS } from '../quotas.ts'
import { DESCRIPTION, NO_WORDS } from '../remarks.ts'
import { COMPARISON, STORAGE } from '../repository.ts'
import { RETENTION } from '../retention.ts'
import { HISTORY, RESTORATION } from '../tag-past.ts'
import { LIST, UNDELETION } from '../undeletions.ts'
import { INSIDE_OPERATIONS } from './inside-operations.ts'
import type { Operations } from './operation.ts'

const LISTED = '/api/v1/repositories'
const ACTIVITY_PATH = '/api/v1/activity'
const PROGRESS_PATH = '/api/v1/progress'
const REPOSITORY = `${LISTED}/{name}`

const EXAMPLE_CONTAINER = {
  ...{ container: 'app', repository: 'team/app', tag: 'v1', digest: `sha256:${'0'.repeat(64)}` },
  ...{ state: 'running', since: '2026-11-29T12:00:00Z' },
}

/** What is about content. */
export const CONTENT_OPERATIONS: Operations = {
  [LISTED]: {
    get: {
      summary: 'Repositories that the caller may list, by name or as a search finds them.',
      ...{
        parameters: REPOSITORIES,
        example: { query: { q: 'app', n: '10', page: '1' } },
        answer: ANSWERS.repositories,
        errors: [],
      },
    },
  },
  [PROGRESS_PATH]: {
    get: {
      summary: 'How far a takeover is: all repositories known, looked at, and what images say of themselves read.',
      ...{ parameters: NO_WORDS, example: {}, answer: ANSWERS.progress, errors: [] },
    },
  },
  '/api/v1/collection': {
    get: {
      summary:
        'What the collector found in all repositories, and what manifests without a tag hold. For callers who may see all of them.',
      ...{ parameters: NO_WORDS, example: {}, answer: ANSWERS.collection, errors: [] },
    },
  },
  '/api/v1/storage': {
    get: {
      summary: 'How many bytes all repositories need together, what is free, and quotas. For callers who may see all of them.',
      ...{ parameters: NO_WORDS, example: {}, answer: ANSWERS.wholeStorage, errors: [] },
    },
  },
  '/api/v1/deployments': {
    get: {
      summary: 'What runs on which host, of the repositories that the caller may list.',
      ...{
        parameters: DEPLOYMENTS,
        example: { query: { n: '10', repository: 'team/app' } },
        answer: DEPLOYMENT_ANSWERS.deployments,
        errors: [],
      },
    },
  },
  '/api/v1/deployments/{host}': {
    put: {
      summary: 'Reports all that runs on a host, in the place of what it reported before.',
      ...{
        parameters: NO_WORDS,
        body: REPORT,
        example: { body: { containers: [EXAMPLE_CONTAINER] } },
        answer: DEPLOYMENT_ANSWERS.reported,
      },
      errors: [405, 413],
    },
    delete: {
      summary: 'Forgets a host that is gone. For admins, and for the account that reported.',
      ...{ parameters: NO_WORDS, example: {}, answer: DEPLOYMENT_ANSWERS.forgotten, errors: [404, 405] },
    },
  },
  [ACTIVITY_PATH]: {
    get: {
      summary: 'The newest moves and deletions of tags in the repositories that the caller may list.',
      ...{ parameters: ACTIVITY, example: { query: { n: '5' } }, answer: ANSWERS.activity, errors: [] },
    },
  },
  '/api/v1/events': {
    get: {
      summary:
        'What happens from now on, or after Last-Event-ID, as server-sent events, in the repositories that the caller may list or pull.',
      ...{ parameters: EVENTS, example: { query: { kind: 'tag.move' } }, answer: ANSWERS.event, isStream: true, errors: [405] },
    },
  },
  [REPOSITORY]: {
    get: {
      summary: 'One repository. Where its name ends in a word of these paths: /repository behind it.',
      ...{ parameters: NO_WORDS, example: {}, answer: ANSWERS.repository, errors: [404] },
    },
  },
  [`${REPOSITORY}/star`]: {
    put: {
      summary: 'Gives the star of the caller.',
      parameters: NO_WORDS,
      example: {},
      answer: ANSWERS.star,
      errors: [404, 405],
    },
    delete: { summary: 'Takes it back.', parameters: NO_WORDS, example: {}, answer: ANSWERS.star, errors: [404, 405] },
  },
  [`${REPOSITORY}/description`]: {
    put: {
      summary: 'Describes the repository by hand.',
      ...{
        parameters: DESCRIPTION,
        example: { query: { text: 'Payment service' } },
        answer: ANSWERS.description,
        errors: [404, 405],
      },
    },
    delete: {
      summary: 'Its newest image describes it again.',
      ...{ parameters: NO_WORDS, example: {}, answer: ANSWERS.description, errors: [404, 405] },
    },
  },
  [`${REPOSITORY}/storage`]: {
    get: {
      summary:
        'How many bytes an image needs, or with n each tag, or all of the repository; and how many of these nothing else needs.',
      ...{
        parameters: STORAGE,
        example: { query: { tag: 'v1' } },
        answer: z.union([ANSWERS.storage, ANSWERS.storageOfTags]),
        errors: [404],
      },
    },
  },
  [`${REPOSITORY}/compare`]: {
    get: {
      summary: 'Two images: the layers that both have, and what their configs say differently.',
      ...{
        parameters: COMPARISON,
        example: { query: { from: 'v1', to: 'v2', platform: 'linux/amd64' } },
        answer: ANSWERS.comparison,
        errors: [404, 405],
      },
    },
  },
  ...INSIDE_OPERATIONS,
  [`${REPOSITORY}/tags`]: {
    get: {
      summary: 'Tags, sorted, with what is known of their images.',
      ...{
        parameters: TAGS,
        example: { query: { n: '10', sort: 'version', order: 'descending', q: 'v' } },
        answer: ANSWERS.tags,
        errors: [404],
      },
    },
  },
  [`${REPOSITORY}/image`]: {
    get: {
      summary: 'All that is known of one image: of a tag, or by its digest.',
      ...{ parameters: IMAGE, example: { query: { tag: 'v1' } }, answer: ANSWERS.image, errors: [404] },
    },
  },
  [`${REPOSITORY}/deletion`]: {
    get: {
      summary: 'What a deletion would take, what that frees and when. Changes nothing.',
      ...{ parameters: LOOK, example: { query: { tags: 'pr-*' } }, answer: ANSWERS.preview, errors: [404, 405] },
    },
    post: {
      summary: 'Deletes what a look has shown, and nothing else.',
      ...{
        parameters: DELETION,
        example: { query: { tags: 'pr-*', token: 'the token of the look' } },
        answer: ANSWERS.deletion,
        errors: [404, 405, 409],
      },
    },
  },
  '/api/v1/deletion': {
    get: {
      summary: 'What a deletion would take of all repositories that fit and from which the caller may delete. Changes nothing.',
      ...{
        parameters: PATTERN,
        example: { query: { repositories: 'team/**', tags: 'pr-2' } },
        answer: ANSWERS.previewByPattern,
        errors: [405],
      },
    },
    post: {
      summary: 'Deletes what a look has shown, and nothing else.',
      ...{
        parameters: PATTERN_DELETION,
        example: { query: { repositories: 'team/**', tags: 'pr-2', token: 'the token of the look' } },
        answer: ANSWERS.deletion,
        errors: [405, 409],
      },
    },
  },
  [`${REPOSITORY}/deleted`]: {
    get: {
      summary: 'What was deleted and can still be brought back, the newest first.',
      ...{ parameters: LIST, example: {}, answer: ANSWERS.deleted, errors: [405] },
    },
  },
  [`${REPOSITORY}/undelete`]: {
    post: {
      summary: 'Brings back what was deleted: one deletion, the last one of a tag or of a manifest, or all of the repository.',
      ...{ parameters: UNDELETION, example: { query: { tag: 'pr-1' } }, answer: ANSWERS.undeletion, errors: [404, 405, 409] },
    },
  },
  [`${REPOSITORY}/history`]: {
    get: {
      summary: 'How a tag moved, the newest move first.',
      ...{ parameters: HISTORY, example: { query: { tag: 'v1', n: '10' } }, answer: ANSWERS.history, errors: [405] },
    },
  },
  [`${REPOSITORY}/restore`]: {
    post: {
      summary: 'Points a tag to what it pointed to before.',
      ...{
        parameters: RESTORATION,
        example: { query: { tag: 'v2', back: '1' } },
        answer: ANSWERS.restoration,
        errors: [404, 405, 409],
      },
    },
  },
  [`${REPOSITORY}/quotas`]: {
    get: {
      summary: 'The quotas that hold for the repository, with their use.',
      ...{ parameters: QUOTAS, example: {}, answer: ANSWERS.quotas, errors: [405] },
    },
  },
  [`${REPOSITORY}/retention`]: {
    get: {
      summary: 'What the rules for tags do in the repository, and why. Changes nothing.',
      ...{
        parameters: RETENTION,
        example: { query: { n: '10', goes: 'false', bytes: 'true' } },
        answer: ANSWERS.retention,
        errors: [404, 405],
      },
    },
  },
}
