import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { KeyPair } from './tls.ts'

/** Somebody with a mailbox. `id` stays when the address changes. */
export type Person = { readonly id: string; readonly address: string }

/** How the authorization server of one provider differs from that of another. Paths begin with a slash. */
export type Dialect = {
  readonly issuerPath: string
  readonly authorizePath: string
  readonly tokenPath: string
  readonly revokePath: string | null
  /** Whether the client asked for a refresh token, which it only gets then. */
  wantsRefresh(request: URLSearchParams): boolean
  /** A refresh gives a new refresh token, and the one before is of no use from then on. */
  readonly rotates: boolean
  /** RFC 9207 */
  readonly namesIssuer: boolean
  claims(person: Person): Record<string, unknown>
}

/** Switches that may be turned while the server runs. */
type Faults = {
  /** What the token endpoint answers instead; `silence` for nothing at all. */
  token?: { readonly status: number; readonly json?: unknown; readonly retryAfter?: string } | 'silence'
  revocationStatus?: number
  /** Changes what an ID token says. */
  claims?: Record<string, unknown>
  /** Tokens hold for so long. */
  holdsForSeconds?: number
}

export type AuthorizationServer = {
  readonly url: string
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  readonly faults: Faults
  addPerson(person: Person): void
  /** How many refreshes were asked for. */
  readonly refreshes: () => number
  /** Every access token, refresh token and code that it has given out, the newest last. */
  readonly given: readonly string[]
  readonly revoked: readonly string[]
  /** Whose access token this is; null if it is not good. */
  personOf(accessToken: string): Person | null
  /** Nobody's access tokens are good any more; refresh tokens are. */
  expireAccess(): void
  /** The person takes back all access. */
  withdraw(person: Person): void
  close(): Promise<void>
}

type Grant = {
  readonly person: Person
  readonly scope: string
  readonly nonce: string | null
  ended: boolean
}
type Code = Grant & { readonly request: URLSearchParams; used: boolean; readonly issued: string[] }

const random = (): string => randomBytes(32).toString('base64url')
const isSame = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
const escaped = (value: string): string => value.replaceAll(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)

/**
 * The authorization server of a provider on loopback, by the rules (RFC 6749, 7636, 7009, OpenID Connect Core): PKCE is
 * required, a code can be used once, and whoever tries it twice ends what the first had. A person agrees on its page.
 */
export const startAuthorizationServer = async (
  dialect: Dialect,
  redirectUri: () => string,
  tls?: KeyPair,
): Promise<AuthorizationServer> => {
  const clientId = `client-${randomBytes(4).toString('hex')}`
  const clientSecret = `registered-${random()}`
  const { privateKey, publicKey } = await generateKeyPair('RS256')
  const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }
  const people: Person[] = []
  const requests = new Map<string, URLSearchParams>()
  const codes = new Map<string, Code>()
  const access = new Map<string, Grant & { readonly until: number }>()
  const refreshing = new Map<string, Grant>()
  const faults: Faults = {}
  const given: string[] = []
  const revoked: string[] = []
  let refreshes = 0

  const handOut = (token: string): string => {
    given.push(token)
    return token
  }

  const tokensFor = async (grant: Grant, refreshToken: string | null) => {
    const accessToken = handOut(`at-${random()}`)
    const seconds = faults.holdsForSeconds ?? 3600
    access.set(accessToken, { ...grant, until: Date.now() + seconds * 1000 })
    const idToken = await new SignJWT({
      sub: grant.person.id,
      ...(grant.nonce === null ? {} : { nonce: grant.nonce }),
      ...dialect.claims(grant.person),
      ...faults.claims,
    })
      .setProtectedHeader({ alg: 'RS256', kid: 'one' })
      .setIssuer(issuer)
      .setAudience(clientId)
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(privateKey)
    return {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: seconds,
      scope: grant.scope,
      id_token: idToken,
      ...(refreshToken === null ? {} : { refresh_token: refreshToken }),
    }
  }

  const authorize = (query: URLSearchParams): Answer => {
    // Nobody is sent anywhere with a request that is not the client's own (RFC 6749 4.1.2.1).
    if (query.get('client_id') !== clientId || query.get('redirect_uri') !== redirectUri())
      return { status: 400, json: { error: 'redirect_uri_mismatch' } }
    const wrong =
      query.get('response_type') !== 'code' ||
      query.get('code_challenge_method') !== 'S256' ||
      !/^[\w-]{43}$/.test(query.get('code_challenge') ?? '') ||
      (query.get('state') ?? '') === ''
    if (wrong) return back(query, { error: 'invalid_request' })
    const request = random()
    requests.set(request, query)
    const scopes = (query.get('scope') ?? '').split(' ')
    const boxes = scopes.map(
      (scope) =>
        `<label><input type="checkbox" name="scope" value="${escaped(scope)}" checked> ${escaped(scope)}</label><br>`,
    )
    const persons = people.map(({ address }) => `<option>${escaped(address)}</option>`)
    return {
      status: 200,
      html: `<!doctype html><title>Sign in</title><form method="post" action="/consent">
<input type="hidden" name="request" value="${request}"><select name="address">${persons.join('')}</select><br>
${boxes.join('\n')}
<button name="answer" value="allow">Allow</button> <button name="answer" value="deny">Deny</button></form>`,
    }
  }

  const back = (request: URLSearchParams, parameters: Record<string, string>): Answer => {
    const to = new URL(request.get('redirect_uri') ?? '')
    const all = {
      ...parameters,
      state: request.get('state') ?? '',
      ...(dialect.namesIssuer ? { iss: issuer } : {}),
    }
    for (const [name, value] of Object.entries(all)) to.searchParams.set(name, value)
    return { status: 302, location: to.href }
  }

  const consent = (form: URLSearchParams): Answer => {
    const request = requests.get(form.get('request') ?? '')
    const person = people.find(({ address }) => address === form.get('address'))
    if (request === undefined || person === undefined)
      return { status: 400, json: { error: 'no such request' } }
    requests.delete(form.get('request') ?? '')
    if (form.get('answer') !== 'allow') return back(request, { error: 'access_denied' })
    const code = handOut(`code-${random()}`)
    const grant = { person, scope: form.getAll('scope').join(' '), nonce: request.get('nonce'), ended: false }
    codes.set(code, { ...grant, request, used: false, issued: [] })
    return back(request, { code })
  }

  const exchange = async (form: URLSearchParams): Promise<Answer> => {
    const code = codes.get(form.get('code') ?? '')
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    if (code?.used) for (const token of code.issued) void (access.delete(token), refreshing.delete(token))
    if (
      code === undefined ||
      code.used ||
      form.get('redirect_uri') !== code.request.get('redirect_uri') ||
      !isSame(challenge, code.request.get('code_challenge') ?? '')
    )
      return failed('invalid_grant')
    code.used = true
    const refreshToken = dialect.wantsRefresh(code.request) ? handOut(`rt-${random()}`) : null
    const grant: Grant = { person: code.person, scope: code.scope, nonce: code.nonce, ended: false }
    const tokens = await tokensFor(grant, refreshToken)
    if (refreshToken !== null) refreshing.set(refreshToken, { ...grant, nonce: null })
    code.issued.push(tokens.access_token, refreshToken ?? '')
    return { status: 200, json: tokens }
  }

  const refresh = async (form: URLSearchParams): Promise<Answer> => {
    refreshes++
    const before = form.get('refresh_token') ?? ''
    const grant = refreshing.get(before)
    if (grant === undefined || grant.ended) return failed('invalid_grant')
    if (!dialect.rotates) return { status: 200, json: await tokensFor(grant, null) }
    refreshing.delete(before)
    const next = handOut(`rt-${random()}`)
    refreshing.set(next, grant)
    return { status: 200, json: await tokensFor(grant, next) }
  }

  const token = async (form: URLSearchParams): Promise<Answer> => {
    if (faults.token === 'silence') return new Promise(() => {})
    if (faults.token) {
      const { status, json = {}, retryAfter } = faults.token
      if (form.get('grant_type') === 'refresh_token') refreshes++
      return { status, json, ...(retryAfter === undefined ? {} : { retryAfter }) }
    }
    const isClient =
      form.get('client_id') === clientId && isSame(form.get('client_secret') ?? '', clientSecret)
    if (!isClient) return failed('invalid_client', 401)
    if (form.get('grant_type') === 'authorization_code') return exchange(form)
    return form.get('grant_type') === 'refresh_token' ? refresh(form) : failed('unsupported_grant_type')
  }

  const withdraw = ({ id }: Person): void => {
    for (const grants of [access, refreshing])
      for (const [each, grant] of grants) if (grant.person.id === id) grants.delete(each)
  }

  const revoke = (form: URLSearchParams): Answer => {
    if (faults.revocationStatus !== undefined) return { status: faults.revocationStatus, json: {} }
    const found = refreshing.get(form.get('token') ?? '') ?? access.get(form.get('token') ?? '')
    if (found === undefined) return failed('invalid_token')
    revoked.push(form.get('token') ?? '')
    withdraw(found.person)
    return { status: 200, json: {} }
  }

  const personOf = (accessToken: string): Person | null => {
    const found = access.get(accessToken)
    return found && found.until > Date.now() ? found.person : null
  }

  const answer = async (request: IncomingMessage): Promise<Answer> => {
    const { pathname, searchParams } = new URL(request.url ?? '', url)
    const form = async () => new URLSearchParams(await text(request))
    const route = `${request.method} ${pathname}`
    if (route === `GET ${dialect.issuerPath}/.well-known/openid-configuration`)
      return { status: 200, json: metadata() }
    if (route === `GET ${dialect.authorizePath}`) return authorize(searchParams)
    if (route === 'POST /consent') return consent(await form())
    if (route === `POST ${dialect.tokenPath}`) return token(await form())
    if (route === `POST ${dialect.revokePath}`) return revoke(await form())
    if (route === 'GET /keys') return { status: 200, json: { keys: [jwk] } }
    return { status: 404, json: {} }
  }

  const listener: RequestListener = (request, response) =>
    void answer(request).then(
      (found) => reply(response, found),
      (error: unknown) => response.destroy(error instanceof Error ? error : undefined),
    )
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`
  const issuer = `${url}${dialect.issuerPath}`
  const metadata = () => ({
    issuer,
    authorization_endpoint: `${url}${dialect.authorizePath}`,
    token_endpoint: `${url}${dialect.tokenPath}`,
    ...(dialect.revokePath === null ? {} : { revocation_endpoint: `${url}${dialect.revokePath}` }),
    jwks_uri: `${url}/keys`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    ...(dialect.namesIssuer ? { authorization_response_iss_parameter_supported: true } : {}),
  })

  return {
    url,
    issuer,
    clientId,
    clientSecret,
    faults,
    given,
    revoked,
    refreshes: () => refreshes,
    addPerson: (person) => void people.push(person),
    personOf,
    expireAccess: () => access.clear(),
    withdraw,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

type Answer = {
  readonly status: number
  readonly json?: unknown
  readonly html?: string
  readonly location?: string
  readonly retryAfter?: string
}

const failed = (error: string, status = 400): Answer => ({
  status,
  json: { error, error_description: 'Bad Request' },
})

const reply = (response: ServerResponse, { status, json, html, location, retryAfter }: Answer): void => {
  response.writeHead(status, {
    'content-type': html === undefined ? 'application/json' : 'text/html; charset=utf-8',
    ...(location === undefined ? {} : { location }),
    ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }),
  })
  response.end(html ?? JSON.stringify(json ?? {}))
}

/** What a person does on the server's page; `without` names scopes that they untick, by their ends. */
export type Choice = {
  readonly address: string
  readonly deny?: boolean
  readonly without?: readonly string[]
}

/** Opens the page that `at` leads to, chooses there, and returns where the browser is sent back to. */
export const consent = async (at: string, { address, deny = false, without = [] }: Choice): Promise<URL> => {
  const opened = await fetch(at, { redirect: 'manual' })
  if (opened.status === 302) return new URL(opened.headers.get('location') ?? '')
  const page = await opened.text()
  if (opened.status !== 200) throw new Error(`${opened.status} ${page}`)
  const [, request = ''] = /name="request" value="([^"]+)"/.exec(page) ?? []
  const scopes = [...page.matchAll(/name="scope" value="([^"]+)"/g)].map(([, scope = '']) => scope)
  const form = new URLSearchParams({ request, address, answer: deny ? 'deny' : 'allow' })
  for (const scope of scopes) if (!without.some((end) => scope.endsWith(end))) form.append('scope', scope)
  const answer = await fetch(new URL('/consent', at), { method: 'POST', body: form, redirect: 'manual' })
  return new URL(answer.headers.get('location') ?? '')
}
