import { z } from 'zod'
import { storedBlob, type BlobStore } from '../../commands/ports/blobs.ts'
import { UnreadableMail, type MailParser, type ParsedMail } from '../../commands/ports/parser.ts'
import type { Untrack } from '../../commands/ports/tracking.ts'
import { NotFound } from '../../domain/decider.ts'
import type { SyncQueries } from '../../projections/sync/sync.ts'
import { download, fileAnswer } from '../server/downloads.ts'
import { messageId } from './messages.ts'
import { defineProblem } from '../server/problems.ts'
import { problems, type App } from '../server/server.ts'
import { contentNotVisible } from '../server/visible.ts'

const messageUnreadable = defineProblem(422, 'message-unreadable', {
  title: 'Message unreadable',
  meaning: 'The message is damaged, or exceeds the limits for reading messages. Its original bytes are kept.',
  remedy: 'Download the raw message and open it in a mail program.',
})

export type MessageContentRouteDeps = {
  readonly queries: SyncQueries
  /** The read model that says to whom what is visible. */
  readonly accountList: { readonly name: string }
  readonly blobs: Pick<BlobStore, 'get'>
  readonly parser: MailParser
  readonly untrack: Untrack
  readonly signal: AbortSignal
}

/** The bytes of messages: the original, their text, their attachments. */
export const messageContentRoutes = (
  app: App,
  { queries, accountList, blobs, parser, untrack, signal }: MessageContentRouteDeps,
): void => {
  const tags = ['Messages']
  const config = { permission: 'messages:read', reads: [queries.readModels.messages, accountList] } as const
  const byId = z.object({ id: messageId })
  const requireMessage = async (id: string, userId: string | null) => {
    const found = await queries.findMessage(id, userId)
    if (!found) throw new NotFound('message', id)
    const { raw, attachments } = found
    if (attachments === null) throw contentNotVisible()
    return { raw, attachments }
  }
  const read = async (id: string, userId: string | null): Promise<ParsedMail> => {
    const { raw } = await requireMessage(id, userId)
    try {
      return await parser.parse(await storedBlob(blobs, raw), signal)
    } catch (error) {
      if (!(error instanceof UnreadableMail)) throw error
      throw messageUnreadable({ detail: `${error.message}.` })
    }
  }

  app.get('/v1/messages/:id/body', {
    config,
    schema: {
      tags,
      summary: 'Get the text of a message',
      description:
        'If it quotes an email of ours, the tracking links in it are replaced by their original targets.',
      params: byId,
      response: { 200: z.object({ text: z.string().nullable(), hasHtml: z.boolean() }), ...problems },
    },
    handler: async ({ params, actingUser }) => {
      const { text, html } = await read(params.id, actingUser)
      return { text: text === null ? null : untrack.text(text), hasHtml: html !== null }
    },
  })
  app.get('/v1/messages/:id/body/html', {
    config,
    schema: {
      tags,
      summary: 'Download the HTML of a message as the sender wrote it',
      description:
        'The HTML is not sanitised: show it only where nothing in it can run or load. Our own tracking pixels and links are removed.',
      params: byId,
      response: { ...fileAnswer('text/html', 'The HTML part'), ...problems },
    },
    handler: async ({ params, actingUser }, reply) => {
      const { html } = await read(params.id, actingUser)
      if (html === null) throw new NotFound('HTML of message', params.id)
      const shown = Buffer.from(await untrack.html(html))
      return download(reply, shown, 'text/html; charset=utf-8', `${params.id}.html`)
    },
  })
  app.get('/v1/messages/:id/raw', {
    config,
    schema: {
      tags,
      summary: 'Download a message as the mail server delivered it',
      params: byId,
      response: { ...fileAnswer('message/rfc822', 'The message'), ...problems },
    },
    handler: async ({ params, actingUser }, reply) => {
      const { raw } = await requireMessage(params.id, actingUser)
      return download(reply, await storedBlob(blobs, raw), 'message/rfc822', `${params.id}.eml`)
    },
  })
  app.get('/v1/messages/:id/attachments/:index', {
    config,
    schema: {
      tags,
      summary: 'Download an attachment',
      params: byId.extend({
        index: z.coerce
          .number()
          .int()
          .min(0)
          .max(10_000)
          .describe('The index in `attachments` of the message'),
      }),
      response: {
        ...fileAnswer('*/*', 'The attachment, with its own type if that is harmless'),
        ...problems,
      },
    },
    handler: async ({ params, actingUser }, reply) => {
      const attachment = (await requireMessage(params.id, actingUser)).attachments[params.index]
      if (!attachment) throw new NotFound('attachment', String(params.index))
      const { name, contentType, blob } = attachment
      const type = harmless.has(contentType.toLowerCase()) ? contentType : 'application/octet-stream'
      return download(reply, await storedBlob(blobs, blob), type, name ?? `attachment-${params.index}`)
    },
  })
}

/** Types that are safe to tell a browser: nothing that it would run, even if somebody opens it in place. */
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
