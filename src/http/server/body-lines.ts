import type { FastifyRequest } from 'fastify'
import { within } from '../../std/within.ts'
import { bodyTooLarge } from './answer-error.ts'
import { defineProblem } from './problems.ts'
import { requestTimeout } from './wire-errors.ts'

/** `lineBytes`, `bodyBytes`: most bytes of a line and of all; `idleMs`: within which more must arrive. */
export type LineLimits = { readonly lineBytes: number; readonly bodyBytes: number; readonly idleMs: number }

/** A line, counted from 1, without its end; null if it is too long. */
export type BodyLine = { readonly line: number; readonly bytes: Buffer | null }

const cutOff = defineProblem(400, 'body-cut-off', {
  title: 'Body cut off',
  meaning: 'The connection was closed before the whole body had arrived.',
  remedy: 'Send it again as a whole.',
})

const LINE_FEED = 0x0a

/**
 * The lines of a body as they arrive. No more than one line is held, and no more is read than is asked for.
 * @throws HttpProblem 400 where it is cut off, 408 where nothing more arrives, 413 where too much does
 */
export const linesOf = async function* (
  request: FastifyRequest['raw'],
  { lineBytes, bodyBytes, idleMs }: LineLimits,
): AsyncGenerator<BodyLine> {
  let line = 1
  let held: Buffer[] = []
  let length = 0
  let total = 0
  const hold = (part: Buffer): void => {
    length += part.length
    if (length <= lineBytes) held.push(part)
    else held = []
  }
  const finished = (): BodyLine => {
    const bytes = length > lineBytes ? null : Buffer.concat(held)
    held = []
    length = 0
    return { line: line++, bytes }
  }
  for await (const chunk of chunksOf(request, idleMs)) {
    total += chunk.length
    if (total > bodyBytes) throw bodyTooLarge({ remedy: 'Send the rest in further requests.' })
    let start = 0
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      hold(chunk.subarray(start, end))
      yield finished()
      start = end + 1
    }
    hold(chunk.subarray(start))
  }
  if (length > 0) yield finished()
}

const chunksOf = async function* (request: FastifyRequest['raw'], idleMs: number): AsyncGenerator<Buffer> {
  // Destroying the request would take the connection along, and with it the answer.
  const chunks = request.iterator({ destroyOnReturn: false })
  for (;;) {
    const arriving = chunks.next().catch((error: unknown) => {
      throw request.readableAborted ? cutOff() : error
    })
    const next = await within(arriving, idleMs, () => {
      throw requestTimeout({ detail: 'Nothing more of the body arrived in time.' })
    })
    if (next.done) return
    yield next.value as Buffer
  }
}
