import { channel } from 'node:diagnostics_channel'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RouteOptions } from 'fastify'
import type pg from 'pg'
import type { Test } from 'tap'
import { apiClient, type Client } from '../../scripts/lib/client.ts'
import { freePort } from '../../scripts/lib/free-port.ts'
import { createPool } from '../../src/adapters/postgres/pool.ts'
import { createApp, type Mailtrail } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import type { Clock } from '../../src/commands/ports/clock.ts'
import type { MailProvider } from '../../src/commands/ports/mail-provider.ts'
import type { Permission } from '../../src/http/server/permissions.ts'
import { definedCodes } from '../../src/domain/refusal.ts'
import type { Problem } from '../../src/http/server/problems.ts'
import { testDatabase } from './test-database.ts'

export type AppOverrides = {
  /** Ports of mail servers on loopback that the service may talk to. */
  readonly ports?: readonly number[]
  /** PEM of an authority that it trusts beside the system's. */
  readonly ca?: string
  /** Settings by the names that README.md gives them; undefined for one that is not set. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Kinds of mail systems beside those that there are in any case. */
  readonly providers?: readonly MailProvider[]
  /** Another database than one of its own on the server of all tests. */
  readonly database?: pg.PoolConfig
  readonly clock?: Clock
}

export type Route = { readonly method: string; readonly url: string; readonly permission: string }

/** An answer as it came over the wire. */
export type RawAnswer = {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
  readonly json: unknown
}
type Ask = {
  (
    method: string,
    path: string,
    options?: {
      readonly body?: unknown
      readonly headers?: Readonly<Record<string, string>>
      /** Another key than the first; null for none at all. */
      readonly key?: string | null
    },
  ): Promise<RawAnswer>
}

export type TestApp = {
  readonly url: string
  /** The first API key, which is allowed everything. */
  readonly key: string
  /** Acts for nobody. */
  readonly client: Client
  readonly clientOf: (user: string) => Client
  readonly ask: Ask
  /** Makes an API key over the API. */
  readonly makeKey: (...scopes: readonly ('*' | Permission)[]) => Promise<string>
  readonly server: Mailtrail['server']
  readonly pool: pg.Pool
  /** Every route that the service has. */
  readonly routes: readonly Route[]
  /** Lines of the log so far, at the level `trace`. */
  readonly log: readonly string[]
  /**
   * Where any of the secrets can be read, as it is or in base64: the log, answers, and every table, the log of events
   * and the blobs among them. Empty when nothing has leaked.
   */
  readonly leaks: (secrets: readonly string[]) => Promise<string[]>
  readonly stop: () => Promise<void>
}

/**
 * The whole service in this process, on a database and in a data folder of its own, listening on loopback. It stops
 * when `t` ends. Call it once for one `t`: the data folder is `t.testdir()`.
 */
export const startApp = async (t: Test, overrides: AppOverrides = {}): Promise<TestApp> => {
  const dataFolder = t.testdir()
  const pool = createPool({ ...(overrides.database ?? (await testDatabase(t))), max: 20 })
  const port = String(await freePort())
  const config = readConfig({
    MAILTRAIL_DATA: dataFolder,
    MAILTRAIL_PORT: port,
    MAILTRAIL_TRACKING_URL: `http://127.0.0.1:${port}`,
    MAILTRAIL_ALLOWED_NETWORKS: '127.0.0.0/8,::1/128',
    MAILTRAIL_ALLOWED_PORTS: (overrides.ports ?? []).join(','),
    MAILTRAIL_LOG_LEVEL: 'trace',
    ...(overrides.ca === undefined ? {} : { MAILTRAIL_EXTRA_CA: fileOf(dataFolder, overrides.ca) }),
    ...overrides.env,
  })
  const log: string[] = []
  const app = await createApp({
    config,
    pool,
    logTo: { write: (line) => void log.push(line) },
    providers: overrides.providers ?? [],
    ...(overrides.clock === undefined ? {} : { clock: overrides.clock }),
  })
  const { server, url } = app
  const end = async () => {
    await app.stop()
    await pool.end()
  }
  let ended: Promise<void> | null = null
  const stop = () => (ended ??= end())
  t.teardown(stop)
  const answers = keepAnswers(server)
  await app.start()
  const key = app.firstKey?.reveal() ?? ''
  const client = apiClient(url, key)
  return {
    url,
    key,
    client,
    clientOf: (user) => apiClient(url, key, user),
    ask: asker(url, key),
    makeKey: async (...scopes) => {
      const { body } = await client.send<{ token: string }>('POST', '/v1/api-keys', { name: 'test', scopes })
      return body.token
    },
    server,
    pool,
    routes: routesOf.get(server)?.map(asRoute) ?? [],
    log,
    leaks: async (secrets) => {
      const forms = secrets.flatMap(formsOf)
      const inText = (text: string) => forms.some((form) => text.includes(form))
      return [
        ...log.filter(inText).map((line) => `log: ${line}`),
        ...answers.filter(({ text }) => inText(text)).map(({ route }) => `answer: ${route}`),
        ...(await tablesWith(pool, secrets)),
      ]
    },
    stop,
  }
}

const fileOf = (folder: string, pem: string): string => {
  const file = join(folder, 'authority.pem')
  writeFileSync(file, pem)
  return file
}

const asker =
  (url: string, firstKey: string): Ask =>
  async (method, path, { body, headers = {}, key = firstKey } = {}) => {
    const isBytes = body instanceof Uint8Array || body instanceof ReadableStream
    const payload = isBytes ? (body as NonNullable<RequestInit['body']>) : JSON.stringify(body)
    const answer = await fetch(`${url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined || isBytes ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: payload, duplex: 'half' }),
    })
    // A feed goes on for ever.
    const isFeed = answer.headers.get('content-type') === 'text/event-stream'
    if (isFeed) await answer.body?.cancel()
    const bytes = isFeed ? Buffer.alloc(0) : Buffer.from(await answer.arrayBuffer())
    const isJson = /\bjson\b/.test(answer.headers.get('content-type') ?? '')
    const json: unknown = isJson && bytes.length > 0 ? JSON.parse(bytes.toString('utf8')) : null
    if (json !== null && answer.headers.get('content-type') === 'application/problem+json')
      requireDefined(json as Problem)
    return { status: answer.status, headers: answer.headers, bytes, json }
  }

/** A problem without a definition has no page to lead to. */
const requireDefined = ({ code, title, type }: Problem): void => {
  if (definedCodes.get(code)?.title !== title || type !== `/problems/${code}`)
    throw new Error(`The problem ${code} has no page`)
}

const keepAnswers = (server: Mailtrail['server']) => {
  const answers: { route: string; text: string }[] = []
  server.addHook('onSend', async (request, reply, payload) => {
    const route = `${request.method} ${request.routeOptions.url ?? 'nowhere'}`
    const body = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload.toString('latin1') : ''
    answers.push({ route, text: `${JSON.stringify(reply.getHeaders())}\n${body}` })
  })
  return answers
}

// Fastify lists its routes to nobody but a hook that is there before the first of them.
const routesOf = new WeakMap<object, RouteOptions[]>()
channel('fastify.initialization').subscribe((message) => {
  const { fastify } = message as { fastify: Mailtrail['server'] }
  const routes: RouteOptions[] = []
  routesOf.set(fastify, routes)
  // HEAD goes with every GET by itself.
  fastify.addHook('onRoute', (route) => {
    if (route.method !== 'HEAD') routes.push(route)
  })
})

const asRoute = ({ method, url, config }: RouteOptions): Route => ({
  method: [method].flat().join(' '),
  url,
  permission: config?.permission ?? 'none',
})

/** A text as it is, and what base64 of anything that holds it must contain, whatever stands before it. */
const formsOf = (secret: string): string[] => [
  secret,
  ...[0, 1, 2].map((before) => {
    const bytes = Buffer.from(`${'\0'.repeat(before)}${secret}`)
    const from = Math.ceil(before / 3) * 4
    return bytes
      .subarray(0, bytes.length - (bytes.length % 3))
      .toString('base64')
      .slice(from)
  }),
]

const tablesWith = async (pool: pg.Pool, secrets: readonly string[]): Promise<string[]> => {
  const forms = secrets.flatMap(formsOf)
  // A row as text has the bytes of blobs in hexadecimal.
  const inHex = forms.map((form) => Buffer.from(form).toString('hex'))
  const { rows } = await pool.query<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'm') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')`,
  )
  const found: string[] = []
  for (const { name } of rows) {
    const hits = await pool.query(
      `select from (select t::text as row from ${name} as t offset 0) as t
       where exists (select from unnest($1::text[]) as s where strpos(t.row, s) > 0) limit 1`,
      [[...forms, ...inHex]],
    )
    if (hits.rows.length > 0) found.push(`table: ${name}`)
  }
  return found
}
