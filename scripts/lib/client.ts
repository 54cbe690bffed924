/** An answer of the API: its JSON, and the position of the change in the log. */
type Answer<Body> = {
  readonly body: Body
  readonly etag: string | null
  readonly position: string | null
}

/** A problem+json answer, with its text in the message. */
export class ApiProblem extends Error {
  readonly status: number
  readonly problem: { code: string; detail: string; remedy: string }

  constructor(status: number, problem: { code: string; detail: string; remedy: string }) {
    super(`${status} ${problem.code}: ${problem.detail} ${problem.remedy}`)
    this.name = 'ApiProblem'
    this.status = status
    this.problem = problem
  }
}

export type Client = {
  get<Body>(path: string): Promise<Body>
  send<Body>(
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer<Body>>
}

const CATCH_UP_MS = 60_000

/** A small client of the public API. `user` is the id of the acting user. */
export const apiClient = (url: string, key: string, user?: string): Client => {
  const call = async (method: string, path: string, body: unknown, headers: Record<string, string>) => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(user === undefined ? {} : { 'mailtrail-user': user }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    const json: unknown = text === '' ? null : JSON.parse(text)
    if (!answer.ok) throw new ApiProblem(answer.status, json as ApiProblem['problem'])
    return {
      body: json,
      etag: answer.headers.get('etag'),
      position: answer.headers.get('event-position'),
    }
  }
  /** Asks again as long as the answer says that it does not know as much yet, which a slow machine may say for a while. */
  const callOnceCaughtUp = async (path: string) => {
    const deadline = Date.now() + CATCH_UP_MS
    for (;;) {
      try {
        return await call('GET', path, undefined, {})
      } catch (error) {
        const isBehind = error instanceof ApiProblem && error.problem.code === 'not-caught-up'
        if (!isBehind || Date.now() > deadline) throw error
      }
    }
  }
  return {
    get: async <Body>(path: string) => (await callOnceCaughtUp(path)).body as Body,
    send: async <Body>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
      (await call(method, path, body, headers)) as Answer<Body>,
  }
}

/**
 * Repeats a request until the answer is as expected.
 * @throws Error after `withinMs`
 */
export const until = async <Value>(
  what: string,
  ask: () => Promise<Value>,
  wished: (value: Value) => boolean,
  withinMs = 300_000,
): Promise<Value> => {
  const deadline = Date.now() + withinMs
  for (;;) {
    const value = await ask()
    if (wished(value)) return value
    if (Date.now() > deadline) throw new Error(`${what} did not happen within ${withinMs / 1000} s`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
