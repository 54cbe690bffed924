import type { FastifyReply, FastifyRequest } from 'fastify'
import { createHash } from 'node:crypto'
import type { IfRevision } from '../../commands/revisions.ts'
import { defineProblem } from './problems.ts'

const ifMatchRequired = defineProblem(428, 'if-match-required', {
  title: 'Version required',
  meaning: 'The change must say which version of the resource it is based on.',
  remedy: 'Read the resource and send its ETag as If-Match.',
})
const invalidIfMatch = defineProblem(400, 'invalid-if-match', {
  title: 'Invalid If-Match',
  meaning: 'If-Match is neither `*` nor a list of ETags.',
  remedy: 'Send the ETag exactly as returned, with its quotation marks.',
})

const TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/
const LIST = new RegExp(`^${TAG.source}(?:[ \\t]*,[ \\t]*${TAG.source})*$`)
const tagsIn = (list: string): string[] => Array.from(list.matchAll(new RegExp(TAG, 'g')), ([tag]) => tag)

/**
 * The versions that `If-Match` asks for (RFC 9110 13.1.1); undefined where it is not sent. A weak tag fits nothing, nor
 * does one that is not ours. Of a tag the version counts, and not what follows its hyphen: see `tagged`.
 * @throws HttpProblem 400
 */
export const askedRevision = ({ headers }: FastifyRequest): IfRevision | undefined => {
  const asked = headers['if-match']
  if (asked === undefined) return undefined
  if (asked === '*') return 'any'
  if (!LIST.test(asked)) throw invalidIfMatch()
  return tagsIn(asked).flatMap((tag) => {
    const [, revision] = /^"(\d{1,15})(?:-.*)?"$/.exec(tag) ?? []
    return revision === undefined ? [] : [Number(revision)]
  })
}

/** @throws HttpProblem 428 where `If-Match` is missing, 400 */
export const requiredRevision = (request: FastifyRequest): IfRevision => {
  const asked = askedRevision(request)
  if (asked === undefined) throw ifMatchRequired()
  return asked
}

/**
 * Of what can be put whole: `If-None-Match: *` has it made and never replaced (RFC 9110 13.1.2), otherwise as `If-Match`
 * says.
 */
export const revisionToPut = (request: FastifyRequest): IfRevision | undefined =>
  request.headers['if-none-match'] === '*' ? 'none' : askedRevision(request)

/**
 * Completes the ETag of what is read, the version alone so far, with a hash of the answer: an account's status changes
 * without a new version, and who asks with `If-None-Match` must be told. What they have already is answered with 304.
 */
export const tagged = async (
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): Promise<unknown> => {
  const version = reply.getHeader('etag')
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  if (!isRead || reply.statusCode !== 200 || typeof payload !== 'string' || typeof version !== 'string')
    return payload
  const hash = createHash('sha256').update(payload).digest('base64url').slice(0, 16)
  const tag = `${version.slice(0, -1)}-${hash}"`
  void reply.header('etag', tag)
  if (!isKnown(request.headers['if-none-match'], tag)) return payload
  void reply.status(304).removeHeader('content-type')
  return ''
}

/** Compared weakly (RFC 9110 13.1.2). */
const isKnown = (asked: string | undefined, tag: string): boolean =>
  asked !== undefined && (asked === '*' || tagsIn(asked).some((each) => each.replace(/^W\//, '') === tag))
