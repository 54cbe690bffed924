import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { UnreadableMail, type BlobStore, type MailParser, type ParsedMail } from '../commands/ports.ts'
import { NotFound } from '../domain/decider.ts'
import { messages, type MessageRow } from '../projections/sync/messages.ts'
import { messageId } from './messages.ts'
import { HttpProblem } from './problems.ts'
import { problems, type App } from './server.ts'

/** The bytes of messages: as they came, their text, their attachments. */
export const messageContentRoutes = (
  app: App,
  deps: {
    findMessage: (id: string) => Promise<MessageRow | undefined>
    blobs: Pick<BlobStore, 'get'>
    parser: MailParser
    signal: AbortSignal
  },
): void => {
  const tags = ['Messages']
  const config = { permission: 'messages:read', reads: [messages] } as const
  const byId = z.object({ id: messageId })
  const requireMessage = async (id: string): Promise<MessageRow> => {
    const row = await deps.findMessage(id)
    if (!row) throw new NotFound('message', id)
    return row
  }
  const bytesOf = async (hash: string): Promise<Buffer> => {
    const bytes = await deps.blobs.get(hash)
    if (!bytes) throw new Error(`The blob ${hash} is not kept`)
    return bytes
  }
  const read = async (id: string): Promise<ParsedMail> => {
    const { raw } = await requireMessage(id)
    try {
      return await deps.parser.parse(await bytesOf(raw), deps.signal)
    } catch (error) {
      if (!(error instanceof UnreadableMail)) throw error
      throw new HttpProblem(
        422,
        'message-unreadable',
        error.message,
        'Get it raw, and open it with a mail program.',
      )
    }
  }

  app.get('/v1/messages/:id/body', {
    config,
    schema: {
      tags,
      summary: 'The text of a message',
      params: byId,
      response: { 200: z.object({ text: z.string().nullable(), hasHtml: z.boolean() }), ...problems },
    },
    handler: async ({ params }) => {
      const { text, html } = await read(params.id)
      return { text, hasHtml: html !== null }
    },
  })
  app.get('/v1/messages/:id/body/html', {
    config,
    schema: {
      tags,
      summary: 'The HTML of a message as the sender wrote it, to download',
      description: 'It is not cleaned: show it only where nothing in it can run or load.',
      params: byId,
      response: problems,
    },
    handler: async ({ params }, reply) => {
      const { html } = await read(params.id)
      if (html === null) throw new NotFound('HTML of message', params.id)
      return download(reply, Buffer.from(html), 'text/html; charset=utf-8', `${params.id}.html`)
    },
  })
  app.get('/v1/messages/:id/raw', {
    config,
    schema: { tags, summary: 'A message as the mail server gave it', params: byId, response: problems },
    handler: async ({ params }, reply) => {
      const { raw } = await requireMessage(params.id)
      return download(reply, await bytesOf(raw), 'message/rfc822', `${params.id}.eml`)
    },
  })
  app.get('/v1/messages/:id/attachments/:index', {
    config,
    schema: {
      tags,
      summary: 'Download an attachment',
      params: byId.extend({ index: z.coerce.number().int().min(0).max(10_000) }),
      response: problems,
    },
    handler: async ({ params }, reply) => {
      const attachment = (await requireMessage(params.id)).attachments[params.index]
      if (!attachment) throw new NotFound('attachment', String(params.index))
      const { name, contentType, blob } = attachment
      const type = harmless.has(contentType.toLowerCase()) ? contentType : 'application/octet-stream'
      return download(reply, await bytesOf(blob), type, name ?? `attachment-${params.index}`)
    },
  })
}

/** Types that a browser may be told: nothing that it would run, even where somebody opens it in place. */
const harmless: ReadonlySet<string> = new Set([
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'application/pdf',
  'text/plain',
  'text/csv',
  'message/rfc822',
])

/** To be saved, not shown: the name by RFC 6266 and RFC 8187, and a page of its own without rights where it is shown. */
const download = (reply: FastifyReply, bytes: Buffer, contentType: string, name: string): FastifyReply => {
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
