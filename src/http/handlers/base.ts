import { emptyResponse, jsonResponse, type PlainResponse } from '../answer/responses.ts'

/** end-1. Clients know 200 and 401 here, nothing else. */
export function getBase(): PlainResponse {
  return jsonResponse({})
}

/** `/` is outside the API: load balancers look whether it answers. */
export function getRoot(): PlainResponse {
  return emptyResponse(200, { 'Cache-Control': 'no-cache' })
}
