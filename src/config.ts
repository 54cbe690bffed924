import { readFileSync } from 'node:fs'
import { isIP, isIPv4, isIPv6 } from 'node:net'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { Secret } from './commands/ports/credentials.ts'

const MICROSOFT_LOGIN_URL = 'https://login.microsoftonline.com'

const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  )
const url = z.url({ protocol: /^https?$/ }).transform((text) => text.replace(/\/+$/, ''))

/** A host name of several labels, such as other hosts can look up (RFC 5321 2.3.5). */
const isFullName = (name: string): boolean =>
  name.length <= 253 &&
  isIP(name) === 0 &&
  /^[a-z\d]([a-z\d-]{0,61}[a-z\d])?(\.[a-z\d]([a-z\d-]{0,61}[a-z\d])?)+$/i.test(name)

/** An IP address as mail writes it in place of a name (RFC 5321 4.1.3). */
const isAddressLiteral = (name: string): boolean => {
  const [, address = ''] = /^\[(.*)\]$/.exec(name) ?? []
  return isIPv4(address) || (address.startsWith('IPv6:') && isIPv6(address.slice('IPv6:'.length)))
}

const ehloName = z.string().refine((name) => isFullName(name) || isAddressLiteral(name), {
  error: 'must be a full host name, or an address literal such as [192.0.2.1] or [IPv6:2001:db8::1]',
})

const fullOrigin = z.string().refine((text) => URL.canParse(text) && new URL(text).origin === text, {
  error: 'must be origins such as https://crm.example.com, without a path',
})

const origin = z
  .string()
  .refine((text) => text === '*' || (URL.canParse(text) && new URL(text).origin === text), {
    error: 'must be * or origins such as https://crm.example.com, without a path',
  })

/** Graph's client sends nothing without TLS, not even on this machine. */
const overTls = url.refine((text) => text.startsWith('https:'), { error: 'must begin with https://' })

/** A service that secrets go to: over TLS, or on this machine. */
const serviceUrl = url.refine(
  (text) =>
    text.startsWith('https:') || /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(new URL(text).hostname),
  { error: 'must begin with https://, but for a service on this machine' },
)

const environment = z.object({
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  EVENT_STORE_URL: z
    .string()
    .regex(/^esdb(\+discover)?:\/\//, 'must begin with esdb:// or esdb+discover://')
    .optional(),
  MAILTRAIL_ROLE: z.enum(['api', 'worker', 'all']).default('all'),
  MAILTRAIL_DATA: z.string().min(1).default('data'),
  MAILTRAIL_KEYS: z.string().min(1).optional(),
  MAILTRAIL_HOST: z.string().min(1).default('127.0.0.1'),
  MAILTRAIL_PORT: z.coerce.number().int().min(0).max(65535).default(3000),
  MAILTRAIL_PUBLIC_URL: url.optional(),
  MAILTRAIL_TRACKING_URL: url.optional(),
  MAILTRAIL_TRUST_PROXY: list,
  MAILTRAIL_CORS_ORIGINS: list.pipe(z.array(origin)),
  MAILTRAIL_REQUEST_TIMEOUT_SECONDS: z.coerce.number().int().min(1).max(3600).default(30),
  MAILTRAIL_REQUESTS_PER_MINUTE: z.coerce.number().int().min(1).default(60_000),
  MAILTRAIL_FAILED_SIGN_INS_PER_MINUTE: z.coerce.number().int().min(1).default(300),
  MAILTRAIL_UPLOAD_MB_PER_MINUTE: z.coerce.number().int().min(1).default(1000),
  MAILTRAIL_OWN_NETWORKS: list,
  MAILTRAIL_ALLOWED_NETWORKS: list,
  MAILTRAIL_ALLOWED_PORTS: list.pipe(z.array(z.coerce.number<string>().int().min(1).max(65535))),
  MAILTRAIL_CLEAR_TEXT_HOSTS: list,
  MAILTRAIL_EHLO_NAME: ehloName.optional(),
  MAILTRAIL_EXTRA_CA: z.string().min(1).optional(),
  MAILTRAIL_RETURN_ORIGINS: list.pipe(z.array(fullOrigin)),
  MAILTRAIL_GOOGLE_CLIENT_ID: z.string().min(1).optional(),
  MAILTRAIL_GOOGLE_CLIENT_SECRET: z.string().min(1).optional(),
  MAILTRAIL_GOOGLE_LOGIN_URL: serviceUrl.default('https://accounts.google.com'),
  MAILTRAIL_GMAIL_URL: serviceUrl.default('https://gmail.googleapis.com'),
  MAILTRAIL_GMAIL_PUSH_TOPIC: z
    .string()
    .regex(/^projects\/[^/\s]+\/topics\/[^/\s]+$/, 'must be projects/<project>/topics/<topic>')
    .optional(),
  MAILTRAIL_GMAIL_PUSH_SERVICE_ACCOUNT: z.email().optional(),
  MAILTRAIL_GMAIL_UNITS_PER_MINUTE: z.coerce.number().int().min(100).default(4500),
  MAILTRAIL_GMAIL_PROJECT_UNITS_PER_MINUTE: z.coerce.number().int().min(100).default(1_200_000),
  MAILTRAIL_GOOGLE_KEYS_URL: serviceUrl.default('https://www.googleapis.com/oauth2/v3/certs'),
  MAILTRAIL_MICROSOFT_CLIENT_ID: z.string().min(1).optional(),
  MAILTRAIL_MICROSOFT_CLIENT_SECRET: z.string().min(1).optional(),
  MAILTRAIL_MICROSOFT_TENANT: z
    .string()
    .regex(/^[\w.-]+$/)
    .default('common'),
  MAILTRAIL_MICROSOFT_LOGIN_URL: serviceUrl.default(MICROSOFT_LOGIN_URL),
  MAILTRAIL_GRAPH_URL: overTls.default('https://graph.microsoft.com'),
  MAILTRAIL_WEBHOOK_TIMEOUT_SECONDS: z.coerce.number().min(0.1).max(60).default(15),
  MAILTRAIL_DELIVERY_WINDOW_MINUTES: z.coerce.number().positive().default(60),
  MAILTRAIL_DELETED_RETENTION_DAYS: z.coerce.number().min(0).max(36500).default(30),
  MAILTRAIL_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  MAILTRAIL_METRICS: z.enum(['key', 'open']).default('key'),
  OTEL_EXPORTER_OTLP_ENDPOINT: url.optional(),
  OTEL_SERVICE_NAME: z.string().min(1).default('mailtrail'),
})

/** All names read from the environment. */
export const settingNames: readonly string[] = Object.keys(environment.shape)

/** Answers requests, runs the automations, or both. */
type Role = 'api' | 'worker' | 'all'

/** How Mailtrail is registered with a provider. */
type OAuthRegistration = { readonly clientId: string; readonly clientSecret: Secret }

export type Config = {
  /** A PostgreSQL 14 or newer; null for the embedded one. */
  readonly databaseUrl: string | null
  /** An EventStoreDB 24.6 or newer, with user and password; null keeps the log in the database. */
  readonly eventStoreUrl: string | null
  readonly role: Role
  /** Absolute path; holds the embedded database, the keys and the spool of hits. */
  readonly dataFolder: string
  /** The keyring itself if it does not come from `keys.json` in the data folder; and the path of that file. */
  readonly keyring: { readonly value: Secret | null; readonly file: string }
  readonly host: string
  readonly port: number
  /** Where people reach the API, without a trailing slash; null: where it listens. */
  readonly publicUrl: string | null
  readonly trackingUrl: string | null
  readonly trustProxy: string[]
  /** Origins of pages that may use the API from a browser; `*` for all. */
  readonly corsOrigins: string[]
  readonly requestTimeoutMs: number
  /** Of each process. */
  readonly limits: {
    readonly requestsPerMinute: number
    readonly failedSignInsPerMinute: number
    readonly uploadMbPerMinute: number
  }
  readonly ownNetworks: string[]
  readonly egress: {
    readonly allowedNetworks: string[]
    readonly allowedPorts: number[]
    readonly clearTextHosts: string[]
    /** PEM certificates, trusted in addition to the system's. */
    readonly extraCa: string[]
    /** As whom SMTP servers are greeted; null for the address of the socket. */
    readonly ehloName: string | null
  }
  /** Origins of pages that a browser may be sent back to after signing in with a provider. */
  readonly returnOrigins: string[]
  readonly google: {
    readonly client: OAuthRegistration | null
    readonly loginUrl: string
    readonly apiUrl: string
    /** How much of its quota Gmail's API may be used for: of one mailbox, and of all of them by this process. */
    readonly unitsPerMinute: { readonly mailbox: number; readonly project: number }
    /** Whose push is taken, for whom it must be signed, and where the keys for that are; null: none is. */
    readonly push: {
      readonly topic: string
      readonly serviceAccount: string
      readonly audience: string
      readonly keysUrl: string
    } | null
  }
  readonly microsoft: {
    readonly client: OAuthRegistration | null
    /** That of the tenant whose people may sign in, such as `…/common`. */
    readonly loginUrl: string
    readonly graphUrl: string
  }
  /** Within which a webhook endpoint must answer. */
  readonly webhookTimeoutMs: number
  readonly deliveryWindowMinutes: number
  /** Deleted messages can be restored for so long; then their bytes are erased. */
  readonly deletedRetentionDays: number
  readonly logLevel: string
  /** Who may read /metrics: keys with `system:read`, or anybody. */
  readonly metrics: 'key' | 'open'
  /** Where traces go (OTLP over HTTP), and the service name in them; null: no tracing. */
  readonly traces: { readonly url: string; readonly serviceName: string } | null
}

/** The environment is invalid; the message names every mistake. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ConfigError'
  }
}

const NEEDS_DATABASE =
  'MAILTRAIL_ROLE: api and worker share a database, so DATABASE_URL must be set; the embedded database serves one process'

/** Tenants that stand for many, which only the public service tells apart. */
const MANY_TENANTS = ['common', 'organizations', 'consumers']

type Environment = Readonly<Record<string, string | undefined>>

const PUSH_SETTINGS = [
  'MAILTRAIL_GMAIL_PUSH_TOPIC',
  'MAILTRAIL_GMAIL_PUSH_SERVICE_ACCOUNT',
  'MAILTRAIL_PUBLIC_URL',
]

/** Nobody could be pushed to, or trusted, without all of them. */
const pushMismatchesIn = (env: Environment): string[] => {
  const isWanted = PUSH_SETTINGS.slice(0, 2).some((name) => env[name] !== undefined)
  return PUSH_SETTINGS.filter((name) => isWanted && env[name] === undefined).map(
    (name) => `${name}: push from Gmail needs it too`,
  )
}

/** Settings that go together. */
const mismatchesIn = (env: Environment): string[] => [
  ...['GOOGLE', 'MICROSOFT'].flatMap((provider) => {
    const names = [`MAILTRAIL_${provider}_CLIENT_ID`, `MAILTRAIL_${provider}_CLIENT_SECRET`]
    const missing = names.filter((name) => env[name] === undefined)
    return missing.length === 1 ? [`${missing[0]}: client id and secret are set together`] : []
  }),
  ...pushMismatchesIn(env),
  ...((env['MAILTRAIL_MICROSOFT_LOGIN_URL'] ?? MICROSOFT_LOGIN_URL) !== MICROSOFT_LOGIN_URL &&
  MANY_TENANTS.includes(env['MAILTRAIL_MICROSOFT_TENANT'] ?? 'common')
    ? ['MAILTRAIL_MICROSOFT_TENANT: with MAILTRAIL_MICROSOFT_LOGIN_URL it must be the id of one tenant']
    : []),
]

const gmailPush = (data: z.infer<typeof environment>): Config['google']['push'] => {
  const {
    MAILTRAIL_GMAIL_PUSH_TOPIC: topic,
    MAILTRAIL_GMAIL_PUSH_SERVICE_ACCOUNT: serviceAccount,
    MAILTRAIL_PUBLIC_URL: publicUrl,
    MAILTRAIL_GOOGLE_KEYS_URL: keysUrl,
  } = data
  if (topic === undefined || serviceAccount === undefined) return null
  return { topic, serviceAccount, audience: `${publicUrl}/v1/hints/gmail`, keysUrl }
}

const registration = (clientId: string | undefined, secret: string | undefined): OAuthRegistration | null =>
  clientId === undefined || secret === undefined ? null : { clientId, clientSecret: new Secret(secret) }

/** Reads settings from the environment, once. @throws ConfigError naming every mistake, never a value */
export const readConfig = (env: Environment): Config => {
  const unknown = Object.keys(env).filter(
    (name) => name.startsWith('MAILTRAIL_') && !settingNames.includes(name),
  )
  const parsed = environment.safeParse(env)
  const mistakes = [
    ...unknown.map((name) => `${name} is not a setting; there are ${settingNames.join(', ')}`),
    ...(env['EVENT_STORE_URL'] !== undefined && /(^|[\s,])(\*|esdb)/.test(env['DEBUG'] ?? '')
      ? ['DEBUG: it makes the EventStoreDB client log event data; unset it, or leave out esdb and *']
      : []),
    ...(parsed.error?.issues ?? []).map((issue) => `${issue.path.join('.')}: ${issue.message}`),
    ...(['api', 'worker'].includes(env['MAILTRAIL_ROLE'] ?? '') && env['DATABASE_URL'] === undefined
      ? [NEEDS_DATABASE]
      : []),
    ...mismatchesIn(env),
  ]
  if (!parsed.success || mistakes.length > 0)
    throw new ConfigError(
      `The settings are invalid:\n${mistakes.map((mistake) => `  ${mistake}`).join('\n')}`,
    )
  const { data } = parsed
  const dataFolder = resolve(data.MAILTRAIL_DATA)
  return {
    databaseUrl: data.DATABASE_URL ?? null,
    eventStoreUrl: data.EVENT_STORE_URL ?? null,
    role: data.MAILTRAIL_ROLE,
    dataFolder,
    keyring: {
      value: data.MAILTRAIL_KEYS === undefined ? null : new Secret(data.MAILTRAIL_KEYS),
      file: join(dataFolder, 'keys.json'),
    },
    host: data.MAILTRAIL_HOST,
    port: data.MAILTRAIL_PORT,
    publicUrl: data.MAILTRAIL_PUBLIC_URL ?? null,
    trackingUrl: data.MAILTRAIL_TRACKING_URL ?? data.MAILTRAIL_PUBLIC_URL ?? null,
    trustProxy: data.MAILTRAIL_TRUST_PROXY,
    corsOrigins: data.MAILTRAIL_CORS_ORIGINS,
    requestTimeoutMs: data.MAILTRAIL_REQUEST_TIMEOUT_SECONDS * 1000,
    limits: {
      requestsPerMinute: data.MAILTRAIL_REQUESTS_PER_MINUTE,
      failedSignInsPerMinute: data.MAILTRAIL_FAILED_SIGN_INS_PER_MINUTE,
      uploadMbPerMinute: data.MAILTRAIL_UPLOAD_MB_PER_MINUTE,
    },
    ownNetworks: data.MAILTRAIL_OWN_NETWORKS,
    egress: {
      allowedNetworks: data.MAILTRAIL_ALLOWED_NETWORKS,
      allowedPorts: data.MAILTRAIL_ALLOWED_PORTS,
      clearTextHosts: data.MAILTRAIL_CLEAR_TEXT_HOSTS,
      extraCa: data.MAILTRAIL_EXTRA_CA === undefined ? [] : [readCertificates(data.MAILTRAIL_EXTRA_CA)],
      ehloName: data.MAILTRAIL_EHLO_NAME ?? fullNameOf(data.MAILTRAIL_PUBLIC_URL),
    },
    returnOrigins: data.MAILTRAIL_RETURN_ORIGINS,
    google: {
      client: registration(data.MAILTRAIL_GOOGLE_CLIENT_ID, data.MAILTRAIL_GOOGLE_CLIENT_SECRET),
      loginUrl: data.MAILTRAIL_GOOGLE_LOGIN_URL,
      apiUrl: data.MAILTRAIL_GMAIL_URL,
      unitsPerMinute: {
        mailbox: data.MAILTRAIL_GMAIL_UNITS_PER_MINUTE,
        project: data.MAILTRAIL_GMAIL_PROJECT_UNITS_PER_MINUTE,
      },
      push: gmailPush(data),
    },
    microsoft: {
      client: registration(data.MAILTRAIL_MICROSOFT_CLIENT_ID, data.MAILTRAIL_MICROSOFT_CLIENT_SECRET),
      loginUrl: `${data.MAILTRAIL_MICROSOFT_LOGIN_URL}/${data.MAILTRAIL_MICROSOFT_TENANT}/v2.0`,
      graphUrl: data.MAILTRAIL_GRAPH_URL,
    },
    webhookTimeoutMs: data.MAILTRAIL_WEBHOOK_TIMEOUT_SECONDS * 1000,
    deliveryWindowMinutes: data.MAILTRAIL_DELIVERY_WINDOW_MINUTES,
    deletedRetentionDays: data.MAILTRAIL_DELETED_RETENTION_DAYS,
    logLevel: data.MAILTRAIL_LOG_LEVEL,
    metrics: data.MAILTRAIL_METRICS,
    traces:
      data.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
        ? null
        : { url: `${data.OTEL_EXPORTER_OTLP_ENDPOINT}/v1/traces`, serviceName: data.OTEL_SERVICE_NAME },
  }
}

const fullNameOf = (publicUrl: string | undefined): string | null => {
  const host = publicUrl === undefined ? '' : new URL(publicUrl).hostname
  return isFullName(host) ? host : null
}

const readCertificates = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw new ConfigError(`The settings are invalid:\n  MAILTRAIL_EXTRA_CA: ${file} cannot be read`)
  }
}
