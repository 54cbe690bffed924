import type pg from 'pg'
import type { Test } from 'tap'
import { definedCodes } from '../../src/domain/refusal.ts'
import type { RawAnswer } from './running-app.ts'

export type Problem = {
  readonly code: string
  readonly detail: string
  readonly remedy: string
  readonly errors?: readonly { readonly path: string; readonly message: string }[]
  readonly details?: unknown
}

/** The problem that an answer is (RFC 9457), in a form and in words that help. */
export const problemIn = (
  t: Test,
  { status, headers, json }: RawAnswer,
  expected: number,
  code: string,
): Problem => {
  const problem = json as Problem
  t.match(
    { status, type: headers.get('content-type'), problem },
    {
      status: expected,
      type: 'application/problem+json',
      problem: {
        status: expected,
        code,
        type: `/problems/${code}`,
        title: definedCodes.get(code)?.title ?? 'of a definition',
        traceId: /^[0-9a-f-]{36}$/,
      },
    },
    `a problem: ${code}`,
  )
  t.match(problem.detail, /^[A-Z](?:\S* ){3,}\S+$/, `which says what is wrong: ${problem.detail}`)
  t.match(problem.remedy, /^[A-Z](?:\S*\s){2,}\S+\.$/, `and what to do: ${problem.remedy}`)
  return problem
}

/** A digest of everything that must not change when a request is refused: the log, passwords, blobs and keys. */
export const lastingState = async (pool: pg.Pool): Promise<unknown> => {
  const digest = (columns: string, table: string) =>
    `(select md5(string_agg(concat_ws(' ', ${columns}), ',' order by ${columns})) from ${table})`
  const { rows } = await pool.query<Record<string, unknown>>(
    `select (select string_agg(type, ' ' order by position) from es.events) as types,
       ${digest('position, event_id, type, data::text', 'es.events')} as events,
       ${digest('account_id, version, sealed', 'mailtrail.credentials')} as credentials,
       ${digest('hash, size', 'mailtrail.blobs')} as blobs,
       ${digest('id, scopes, revoked_at', 'mailtrail.api_keys')} as keys`,
  )
  return rows[0]
}
