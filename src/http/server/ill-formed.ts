import type { FastifyRequest } from 'fastify'
import { invalidRequest } from './invalid-request.ts'

/**
 * JSON may hold what no text is: lone surrogates, which become other characters once they are encoded, so that an address
 * with one is somebody else's; and U+0000, which neither PostgreSQL nor mail has. Neither is let in anywhere.
 * @throws HttpProblem naming every place
 */
export const refuseIllFormed = async ({ body }: FastifyRequest): Promise<void> => {
  if (Buffer.isBuffer(body)) return
  const errors = illFormedPlaces(body)
  if (errors.length > 0)
    throw invalidRequest({ detail: 'Some of the text is not valid Unicode.', errors: errors.slice(0, 100) })
}

const MESSAGE = 'has the character U+0000 or half of a surrogate pair'

const isText = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

/** Every place in a parsed body that has such text. */
export const illFormedPlaces = (body: unknown): { path: string; message: string }[] => {
  const places: { path: string; message: string }[] = []
  // A stack of our own: JSON may nest deeper than calls can.
  const left: { path: string; value: unknown }[] = [{ path: 'body', value: body }]
  for (let next = left.pop(); next; next = left.pop()) {
    const { path, value } = next
    if (typeof value === 'string' && !isText(value)) places.push({ path, message: MESSAGE })
    if (typeof value !== 'object' || value === null) continue
    for (const [key, inner] of Object.entries(value)) {
      if (isText(key)) left.push({ path: `${path}/${key}`, value: inner })
      else places.push({ path, message: `a name in it ${MESSAGE}` })
    }
  }
  return places.toReversed()
}
