import type { Head } from './http-wire.ts'

/** The operations of S3 by their names there. */
export type StoreAction =
  | 'AbortMultipartUpload'
  | 'CompleteMultipartUpload'
  | 'CopyObject'
  | 'CreateBucket'
  | 'CreateMultipartUpload'
  | 'DeleteBucket'
  | 'DeleteObject'
  | 'DeleteObjects'
  | 'GetObject'
  | 'HeadBucket'
  | 'HeadObject'
  | 'ListMultipartUploads'
  | 'ListObjects'
  | 'ListObjectsV2'
  | 'ListParts'
  | 'PutObject'
  | 'UploadPart'
  | 'UploadPartCopy'
  | 'other'

/** One request to a store, told from its first lines. Path style: the bucket is the first segment. */
export interface StoreRequest {
  readonly action: StoreAction
  readonly method: string
  readonly key: string
  readonly query: URLSearchParams
  readonly headers: ReadonlyMap<string, string>
}

export function parseStoreRequest({ firstLine, headers }: Head): StoreRequest {
  const [method = '', target = ''] = firstLine.split(' ')
  const url = new URL(target, 'http://store.test')
  const [, , ...segments] = url.pathname.split('/')
  const key = decodeURIComponent(segments.join('/'))
  // Some clients repeat the name of the operation in it.
  url.searchParams.delete('x-id')
  const request = { method, key, query: url.searchParams, headers }
  return { ...request, action: actionOf(request) }
}

function actionOf(request: Omit<StoreRequest, 'action'>): StoreAction {
  return request.key === '' ? bucketAction(request) : objectAction(request)
}

function bucketAction({ method, query }: Omit<StoreRequest, 'action'>): StoreAction {
  switch (method) {
    case 'GET':
      if (query.has('uploads')) return 'ListMultipartUploads'
      if (query.get('list-type') === '2') return 'ListObjectsV2'
      return query.size === 0 || query.has('prefix') || query.has('delimiter') ? 'ListObjects' : 'other'
    case 'HEAD':
      return 'HeadBucket'
    case 'PUT':
      return query.size === 0 ? 'CreateBucket' : 'other'
    case 'POST':
      return query.has('delete') ? 'DeleteObjects' : 'other'
    case 'DELETE':
      return 'DeleteBucket'
    default:
      return 'other'
  }
}

function objectAction({ method, query, headers }: Omit<StoreRequest, 'action'>): StoreAction {
  const copies = headers.has('x-amz-copy-source')
  switch (method) {
    case 'GET':
      return query.has('uploadId') ? 'ListParts' : 'GetObject'
    case 'HEAD':
      return 'HeadObject'
    case 'PUT':
      if (query.has('partNumber')) return copies ? 'UploadPartCopy' : 'UploadPart'
      return copies ? 'CopyObject' : 'PutObject'
    case 'POST':
      if (query.has('uploads')) return 'CreateMultipartUpload'
      return query.has('uploadId') ? 'CompleteMultipartUpload' : 'other'
    case 'DELETE':
      return query.has('uploadId') ? 'AbortMultipartUpload' : 'DeleteObject'
    default:
      return 'other'
  }
}
