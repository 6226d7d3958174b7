/**
 * A manifest that has a tag again has not been without one since before: a pass of the rules may come long after that, when it has lost the tag again.
 * In triggers, so that it costs a push no statement.
 */
export const UNTAGGED_TRIGGERS: readonly string[] = ['INSERT', 'UPDATE OF digest'].map(
  (change, number) => `CREATE TRIGGER tag_given_${number} AFTER ${change} ON tag WHEN NEW.digest IS NOT NULL
     BEGIN DELETE FROM untagged WHERE repository_id = NEW.repository_id AND digest = NEW.digest; END`,
)
