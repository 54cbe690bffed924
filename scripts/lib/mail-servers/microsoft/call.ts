import type { GraphMailbox } from './mailbox.ts'

/** One request, as routes see it. `ids` are the parts of the path that a route leaves open. */
export type Call = {
  readonly mailbox: GraphMailbox
  readonly ids: readonly string[]
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
  /** Where the service was reached. */
  readonly base: string
  readonly isImmutable: boolean
  /** `odata.maxpagesize`, if it was asked for. */
  readonly pageSize: number | null
}

/** `hangUp`: it was done, but the answer gets lost. */
export type Answer = {
  readonly status: number
  readonly json?: unknown
  readonly bytes?: Buffer
  readonly headers?: Readonly<Record<string, string>>
  readonly hangUp?: boolean
}

export const refused = (status: number, code: string, message = code): Answer => ({
  status,
  json: { error: { code, message, innerError: { date: new Date().toISOString(), 'request-id': 'r' } } },
})

export const notFound = (): Answer => refused(404, 'ErrorItemNotFound')

export type Routes = Readonly<Record<string, (call: Call) => Answer | Promise<Answer>>>

export const jsonOf = (body: Buffer): Record<string, unknown> =>
  body.length === 0 ? {} : (JSON.parse(body.toString('utf8')) as Record<string, unknown>)
