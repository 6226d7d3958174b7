import type { Sql } from '../query.ts'
import { createTrigger } from '../schema/trigger.ts'

/**
 * A manifest that has a tag again has not been without one since before: a pass of the rules may come long after that, when it has lost the tag again.
 * In triggers, so that it costs a push no statement.
 */
export const UNTAGGED_TRIGGERS: readonly Sql[] = ['INSERT', 'UPDATE OF digest'].map((change, number) =>
  createTrigger({
    name: `tag_given_${number}`,
    change: `AFTER ${change} ON tag`,
    when: 'NEW.digest IS NOT NULL',
    body: 'DELETE FROM untagged WHERE repository_id = NEW.repository_id AND digest = NEW.digest;',
  }),
)
