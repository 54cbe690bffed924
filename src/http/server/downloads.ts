import type { FastifyReply } from 'fastify'
import { z } from 'zod'

/** The answer of a route that returns a file, for its `response` schema. */
export const fileAnswer = (contentType: string, description: string) => ({
  200: { description, content: { [contentType]: { schema: z.unknown() } } },
})

/** To be saved rather than shown: the name by RFC 6266 and RFC 8187, and sandboxed in case it is shown. */
export const download = (
  reply: FastifyReply,
  bytes: Buffer,
  contentType: string,
  name: string,
): FastifyReply => {
  const ascii = name.replaceAll(/[^\w.-]/g, '_').slice(-100)
  const escape = (sign: string): string => `%${sign.charCodeAt(0).toString(16)}`
  const encoded = encodeURIComponent(name.toWellFormed().slice(-200)).replaceAll(/['()*]/g, escape)
  return reply
    .header('content-type', contentType)
    .header('content-disposition', `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`)
    .header('content-security-policy', "sandbox; default-src 'none'")
    .header('x-content-type-options', 'nosniff')
    .header('cache-control', 'private, no-store')
    .send(bytes)
}
