import type { SqlOfEach } from '../query.ts'

/** What the tables do by themselves when rows of them change. */
export interface Trigger {
  readonly name: string
  /** `AFTER INSERT ON tag`, `AFTER UPDATE OF digest ON tag`. */
  readonly change: string
  /** Of the rows NEW and OLD. PostgreSQL takes no query here. */
  readonly when?: string
  /** Statements, each with its semicolon. */
  readonly body: string
}

export function createTrigger({ name, change, when, body }: Trigger): SqlOfEach {
  return {
    sqlite: `CREATE TRIGGER ${name} ${change} ${when === undefined ? '' : `WHEN ${when} `}BEGIN ${body} END`,
    // One statement, as the other: its function and itself.
    postgresql: `DO $do$ BEGIN
      CREATE OR REPLACE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN ${body} RETURN NULL; END $body$;
      CREATE TRIGGER ${name} ${change} FOR EACH ROW ${when === undefined ? '' : `WHEN (${when}) `}EXECUTE FUNCTION ${name}();
    END $do$`,
  }
}

/** May be repeated. */
export function dropTrigger({ name }: Pick<Trigger, 'name'>): SqlOfEach {
  return { sqlite: `DROP TRIGGER IF EXISTS ${name}`, postgresql: `DROP FUNCTION IF EXISTS ${name}() CASCADE` }
}
