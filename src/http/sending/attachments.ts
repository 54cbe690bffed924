import { z } from 'zod'
import type { SendingCommands } from '../../commands/sending/sending.ts'
import { attachedFile, MAX_FILES_BYTES } from '../../domain/sending/events.ts'
import type { Counter } from '../server/limits.ts'
import { defineProblem } from '../server/problems.ts'
import { sealedFile, type FileSeals } from './sealed-files.ts'
import { problems, type App } from '../server/server.ts'
import { emptyFile } from '../server/uploads.ts'

const uploaded = sealedFile.omit({ contentId: true })
const mediaType = /^[\w!#$&^.+-]{1,100}\/[\w!#$&^.+-]{1,100}(?:\s*;[\x20-\x7e]{0,200})?$/

const tooManyUploads = defineProblem(429, 'too-many-uploads', {
  title: 'Too many uploads',
  meaning: 'The API key has uploaded as many bytes as it may within a minute.',
  remedy: 'Upload the rest after the seconds in Retry-After.',
})

export type AttachmentRouteDeps = {
  readonly commands: SendingCommands
  readonly files: FileSeals
  /** Bytes uploaded with each key. */
  readonly uploads: Counter
}

/** Files to attach. The answer goes into the `attachments` of a draft unchanged. */
export const attachmentRoutes = (app: App, { commands, files, uploads }: AttachmentRouteDeps): void => {
  const admit = (key: string, bytes: number): void => {
    const { remaining, seconds } = uploads.left(key)
    if (bytes > remaining) throw tooManyUploads({ retryAfterSeconds: seconds })
    uploads.count(key, bytes)
  }
  // In a scope of its own, so that a file of any type, even JSON, is taken as bytes.
  void app.register((scope: App, _options, done) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, parsed) => parsed(null, body))
    scope.post('/v1/attachments', {
      config: { permission: 'messages:send' },
      bodyLimit: MAX_FILES_BYTES,
      schema: {
        tags: ['Drafts'],
        summary: 'Upload a file of up to 25 MB',
        description:
          'Send the content of the file as the body and its type as Content-Type. The same content gives the same `blob`.',
        consumes: ['application/octet-stream'],
        querystring: z.object({ name: attachedFile.shape.name.describe('File name') }),
        response: { 201: uploaded, ...problems },
      },
      handler: async (request, reply) => {
        const content: unknown = request.body
        if (!Buffer.isBuffer(content) || content.length === 0) throw emptyFile()
        admit(request.apiKey?.id ?? '', content.length)
        const type = request.headers['content-type'] ?? ''
        const contentType = mediaType.test(type) ? type.slice(0, 255) : 'application/octet-stream'
        const kept = await commands.keepFile({ name: request.query.name, contentType, content })
        void reply.status(201)
        return files.seal(kept)
      },
    })
    done()
  })
}
