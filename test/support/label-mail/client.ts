import { defineProblems, type Problem } from '../../../src/adapters/network/problems.ts'
import { MailUnavailable } from '../../../src/commands/ports/mail-provider.ts'

/** An answer of the service; `lost` where none came, and nobody knows whether it did what was asked. */
export type Heard = { readonly status: number; readonly json: unknown; readonly until: Date | null } | 'lost'

export type LabelMailClient = {
  /** Whatever it answers. */
  hear(method: string, path: string, body?: unknown): Promise<Heard>
  /** What it answers where it does what was asked; null for what is not there. @throws MailUnavailable */
  get<T>(path: string): Promise<T | null>
  post<T>(path: string, body: unknown): Promise<T>
  /** Calls back for every sign of a change, until the service or `signal` ends it. */
  follow(onHint: () => void): Promise<void>
}

const remedy = 'Look at the mailbox in Label Mail.'
const problems = {
  'label-mail-unreachable': ['temporary', 'No answer', 'Label Mail did not answer', remedy],
  'label-mail-signed-out': ['sign-in-again', 'Signed out', 'Label Mail does not accept the token', remedy],
  'label-mail-not-allowed': ['scope-missing', 'Not allowed', 'Label Mail does not allow this', remedy],
  'label-mail-gone': ['gone', 'Gone', 'Label Mail does not have this any more', remedy],
  'label-mail-throttled': ['throttled', 'Too much', 'Label Mail was asked for too much', remedy],
  'label-mail-down': ['temporary', 'Down', 'Label Mail is not working', remedy],
  'label-mail-refused': ['refused', 'Refused', 'Label Mail refused this', remedy],
} as const satisfies Record<string, Problem>
defineProblems(problems)

const said = (code: keyof typeof problems, until: Date | null = null): MailUnavailable => {
  const [kind, , message]: Problem = problems[code]
  return new MailUnavailable(kind, code, message, remedy, until)
}

/** What an answer stands for that is not the one asked for. */
export const problemOf = (heard: Heard): MailUnavailable => {
  if (heard === 'lost') return said('label-mail-unreachable')
  const { status, until } = heard
  if (status === 401) return said('label-mail-signed-out')
  if (status === 403) return said('label-mail-not-allowed')
  if (status === 404 || status === 410) return said('label-mail-gone')
  if (status === 429) return said('label-mail-throttled', until)
  if (status >= 500) return said('label-mail-down')
  return said('label-mail-refused')
}

export const labelMailClient = (url: string, token: string, signal: AbortSignal): LabelMailClient => {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }

  const hear = async (method: string, path: string, body?: unknown): Promise<Heard> => {
    try {
      const answer = await fetch(`${url}/${path}`, {
        method,
        headers,
        signal,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const seconds = Number(answer.headers.get('retry-after') ?? Number.NaN)
      const until = Number.isNaN(seconds) ? null : new Date(Date.now() + seconds * 1000)
      return { status: answer.status, json: await answer.json(), until }
    } catch {
      return 'lost'
    }
  }

  const done = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const heard = await hear(method, path, body)
    if (heard === 'lost' || heard.status !== 200) throw problemOf(heard)
    return heard.json
  }

  return {
    hear,
    get: async <T>(path: string) => {
      const heard = await hear('GET', path)
      if (heard !== 'lost' && heard.status === 404) return null
      if (heard === 'lost' || heard.status !== 200) throw problemOf(heard)
      return heard.json as T
    },
    post: async <T>(path: string, body: unknown) => (await done('POST', path, body)) as T,
    follow: async (onHint) => {
      try {
        const answer = await fetch(`${url}/changes`, { headers, signal })
        if (answer.status !== 200) throw problemOf({ status: answer.status, json: null, until: null })
        const stream: AsyncIterable<Uint8Array> = answer.body ?? new ReadableStream()
        for await (const _signs of stream) onHint()
        throw problemOf('lost')
      } catch (error) {
        if (signal.aborted) return
        throw error instanceof MailUnavailable ? error : problemOf('lost')
      }
    },
  }
}
