/** Where the bucket is and how registry:2 was told to treat it, with every default filled in. */
export interface S3Settings {
  readonly region: string
  readonly bucket: string
  /** `regionendpoint`: scheme and host of a server that is not Amazon's; undefined: Amazon's for the region. */
  readonly endpoint: string | undefined
  /** `redirectendpoint`: the address under which clients see the store; presigned URLs name it. */
  readonly publicEndpoint: string | undefined
  /** Clients are sent to the store for blobs. */
  readonly redirects: boolean
  /** The bucket stands in the path, not in the host name. */
  readonly pathStyle: boolean
  /** Undefined: the chain of the AWS SDKs. */
  readonly credentials: S3Credentials | undefined
  /** Amazon's servers are spoken to over TLS. */
  readonly secure: boolean
  readonly skipVerify: boolean
  /** The certificates, as PEM, that sign those of the server; undefined: those of the system. */
  readonly certificateAuthorities: string | undefined
  /** A proxy that the environment names stands before the server. */
  readonly isProxied: boolean
  readonly accelerate: boolean
  readonly dualStack: boolean
  readonly fips: boolean
  /** Every key begins with it; '' or as registry:2 has it, with or without slashes around it. */
  readonly rootDirectory: string
  readonly encrypt: boolean
  readonly keyId: string | undefined
  /** Sent with every new object when set. */
  readonly storageClass: string | undefined
  readonly objectAcl: string | undefined
  readonly userAgent: string
  /** For so long the store takes a request that would harm if it came late. */
  readonly expiresSeconds: number
  /** A body from which nothing comes for so long has broken off; 15 s when left out. */
  readonly stallMs?: number
  /** Bytes of each part of an upload but the last. */
  readonly chunkSize: number
  readonly copy: CopySettings
}

export interface CopySettings {
  readonly chunkSize: number
  readonly maxConcurrency: number
  /** Up to this size an object is copied in one request. */
  readonly threshold: number
}

export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
  /** When they must be renewed; undefined: never. */
  readonly expiration?: Date | undefined
}

/** Gives credentials that are valid now. */
export type CredentialSource = () => Promise<S3Credentials>
