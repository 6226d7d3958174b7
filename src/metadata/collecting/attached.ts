/**
 * Tags by which signatures and other statements are attached to an image where a registry has no referrers API: `sha256-<hex>`, which lists
 * referrers, or with a suffix, as cosign's `.sig` and `.att`. Of a longer digest they have the first 64 digits: a tag has no room for more.
 */

/** Of the tag `t`. */
export const IS_ATTACHED = `(substr(t.name, 1, 7) IN ('sha256-', 'sha512-') AND length(t.name) >= 71
  AND trim(substr(t.name, 8, 64), '0123456789abcdef') = '' AND substr(t.name, 72, 1) IN ('', '.'))`

const SUBJECT = "substr(t.name, 1, 6) || ':' || substr(t.name, 8, 64)"

/** What the attached tag `t` is about lies in the repository. */
export const SUBJECT_IS_THERE = `EXISTS (SELECT 1 FROM manifest a WHERE a.repository_id = t.repository_id AND a.linked = 1
  AND a.digest >= ${SUBJECT} AND a.digest < ${SUBJECT} || 'g')`

/** The tag `t` is attached to the digest of `g`. A full stop comes just before a slash. */
export const IS_ATTACHED_TO = `t.name >= substr(g.digest, 1, 6) || '-' || substr(g.digest, 8, 64)
  AND t.name < substr(g.digest, 1, 6) || '-' || substr(g.digest, 8, 64) || '/' AND ${IS_ATTACHED}`
