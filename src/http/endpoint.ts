import type { Action } from '../access/access.ts'
import type { PlainResponse } from './answer/responses.ts'
import type { Call } from './call.ts'
import type { Route } from './routes.ts'

/** One method of one resource. HEAD is that of GET without the body. */
export interface Endpoint<Found extends Route> {
  /** The id in the spec's table of endpoints; 'root', 'base', 'catalog', 'search', 'api' and 'page' are outside it. */
  readonly id: string
  /** What its caller must be allowed to do. */
  readonly action: Action
  readonly answer: (call: Call<Found>) => PlainResponse | Promise<PlainResponse>
  /** It is answered also while another database may be at work on the storage. */
  readonly duringHandover?: true
  /** It changes records of Berth, and nothing in a repository. */
  readonly changesRecords?: true
}

export type Resource = Route['resource']
export type RouteTo<Name extends Resource> = Extract<Route, { readonly resource: Name }>
export type Endpoints<Found extends Route> = Readonly<Partial<Record<string, Endpoint<Found>>>>
