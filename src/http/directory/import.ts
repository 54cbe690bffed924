import { z } from 'zod'
import type { DirectoryCommands } from '../../commands/directory/directory.ts'
import { linesOf } from '../server/body-lines.ts'
import { problems, type App } from '../server/server.ts'
import { emptyFile } from '../server/uploads.ts'
import { importLineOf } from './import-lines.ts'

const LINE_BYTES = 64 * 1024
const BODY_BYTES = 1024 * 1024 * 1024

const imported = z
  .object({
    created: z.int().describe('Records that were not there before'),
    changed: z.int().describe('Records that were replaced'),
    unchanged: z.int().describe('Lines that changed nothing'),
    removed: z.int().describe('Records that were deleted'),
    failed: z.int().describe('Lines that were not taken'),
    errors: z
      .array(z.object({ line: z.int().describe('Counts from 1'), reason: z.string() }))
      .describe('The first 100 lines that were not taken'),
  })
  .meta({ id: 'Imported' })

export type ImportRouteDeps = {
  readonly commands: Pick<DirectoryCommands, 'import'>
  /** Within which more of the body must arrive. */
  readonly idleMs: number
}

/** Many records at once, read line by line as they arrive. */
export const importRoutes = (app: App, { commands, idleMs }: ImportRouteDeps): void => {
  // In a scope of its own, where nothing but lines is taken, and nobody reads them but the handler.
  void app.register((scope: App, _options, done) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('application/x-ndjson', (_request, _body, parsed) => parsed(null))
    scope.post('/v1/directory/imports', {
      config: { permission: 'directory:write', streamsBody: true },
      schema: {
        tags: ['Directory'],
        summary: 'Create, replace and delete many records',
        description:
          'A JSON object a line: `{"kind": "contact", "id": "c-17", "value": {…}}` puts a record as PUT does, and ' +
          '`{"kind": "contact", "id": "c-17", "remove": true}` deletes it; a kind is `user`, `contact`, `company` or ' +
          '`deal`. A line that cannot be taken is reported and does not hold up the others. What is already as it is ' +
          'to be is left alone, so an import that was broken off is completed by sending it again. A line has at most ' +
          '64 KB, the body at most 1 GB.',
        consumes: ['application/x-ndjson'],
        response: { 200: imported, ...problems },
      },
      handler: async (request, reply) => {
        const lines = async function* () {
          for await (const line of linesOf(request.raw, {
            lineBytes: LINE_BYTES,
            bodyBytes: BODY_BYTES,
            idleMs,
          })) {
            const read = importLineOf(line)
            if (read !== null) yield read
          }
        }
        try {
          const { position, ...counts } = await commands.import(request.caller, lines())
          if (Object.values(counts).every((count) => count === 0 || Array.isArray(count))) throw emptyFile()
          if (position !== null) void reply.header('event-position', position)
          return counts
        } catch (error) {
          // What has not been read yet is in the way of the next request.
          void reply.header('connection', 'close')
          request.raw.resume()
          throw error
        }
      },
    })
    done()
  })
}
