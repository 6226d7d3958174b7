import { PERMISSIONS } from '../accounts/account.ts'
import { LIST_OF_ACCOUNTS } from '../accounts/accounts.ts'
import { ACCOUNT_ANSWERS } from '../accounts/answers.ts'
import { NEW_ROBOT } from '../accounts/robots.ts'
import { NEW_PASSWORD, NEW_USER } from '../accounts/users.ts'
import { NO_WORDS } from '../remarks.ts'
import type { Operations } from './operation.ts'

const FIRST = { query: { n: '10' } }
const NOTHING = { parameters: NO_WORDS, example: {} }

/** What is about users, groups, rules and robots. */
export const ACCOUNT_OPERATIONS: Operations = {
  '/api/v1/account': {
    get: { summary: 'The caller, as the registry knows it.', ...NOTHING, answer: ACCOUNT_ANSWERS.account, errors: [] },
  },
  '/api/v1/permissions': {
    get: {
      summary: 'What a caller may do in a repository, and by which rule. Of others than itself a caller must be an admin.',
      ...{ parameters: PERMISSIONS, example: { query: { who: 'user:alice', repository: 'team/app' } } },
      ...{ answer: ACCOUNT_ANSWERS.permission, errors: [405] },
    },
  },
  '/api/v1/rules': {
    get: {
      summary: 'The rules, in their order, and the admins. For admins.',
      ...NOTHING,
      answer: ACCOUNT_ANSWERS.rules,
      errors: [405],
    },
  },
  '/api/v1/users': {
    get: {
      summary: 'The users of the storage. For admins.',
      ...{ parameters: LIST_OF_ACCOUNTS, example: FIRST, answer: ACCOUNT_ANSWERS.users, errors: [405] },
    },
    post: {
      summary: 'Adds a user. For admins.',
      ...{ parameters: NO_WORDS, body: NEW_USER, example: { body: { name: 'bob', password: 'correct horse' } } },
      ...{ answer: ACCOUNT_ANSWERS.user, status: 201, errors: [405, 409] },
    },
  },
  '/api/v1/users/{user}/password': {
    put: {
      summary: 'Sets the password of a user; every token and session of the old one is void. For admins.',
      ...{ parameters: NO_WORDS, body: NEW_PASSWORD, example: { body: { password: 'battery staple' } } },
      ...{ answer: ACCOUNT_ANSWERS.user, errors: [404, 405] },
    },
  },
  '/api/v1/groups': {
    get: {
      summary: 'Groups, with their members. For admins.',
      ...{ parameters: LIST_OF_ACCOUNTS, example: FIRST, answer: ACCOUNT_ANSWERS.groups, errors: [405] },
    },
  },
  '/api/v1/groups/{group}/members/{user}': {
    put: {
      summary: 'Takes a user into a group, which is made where there is none. For admins.',
      ...{ ...NOTHING, answer: ACCOUNT_ANSWERS.member, errors: [405] },
    },
    delete: {
      summary: 'Takes a user out of a group. For admins.',
      ...NOTHING,
      answer: ACCOUNT_ANSWERS.member,
      errors: [404, 405],
    },
  },
  '/api/v1/groups/{group}': {
    delete: { summary: 'Removes a group. For admins.', ...NOTHING, answer: ACCOUNT_ANSWERS.group, errors: [404, 405] },
  },
  '/api/v1/users/{user}': {
    delete: {
      summary: 'Removes a user, also from groups, and the robots of that user. For admins.',
      ...{ ...NOTHING, answer: ACCOUNT_ANSWERS.user, errors: [404, 405] },
    },
  },
  '/api/v1/robots': {
    get: {
      summary: 'The robots of the caller; for admins all.',
      ...{ parameters: LIST_OF_ACCOUNTS, example: FIRST, answer: ACCOUNT_ANSWERS.robots, errors: [405] },
    },
    post: {
      summary: 'Makes a robot. Its token is in this answer, and never shown again.',
      ...{ parameters: NO_WORDS, body: NEW_ROBOT, answer: ACCOUNT_ANSWERS.newRobot, status: 201, errors: [405, 409] },
      example: { body: { name: 'alice.ci', scopes: ['team/**:pull'], expires: '2099-12-31T00:00:00Z' } },
    },
  },
  '/api/v1/robots/{robot}': {
    delete: {
      summary: 'Revokes a robot of the caller; for admins any.',
      ...{ ...NOTHING, answer: ACCOUNT_ANSWERS.robot, errors: [404, 405] },
    },
  },
}
