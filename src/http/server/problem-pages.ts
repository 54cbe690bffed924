import { z } from 'zod'
import { NotFound } from '../../domain/decider.ts'
import { definedCodes } from '../../domain/refusal.ts'
import { escapeHtml } from '../../domain/templates/contextual-escaping.ts'
import { fileAnswer } from './downloads.ts'
import { inHtml, sendPage } from './html-page.ts'
import { problems, type App } from './server.ts'

const CACHED = 'public, max-age=3600'

/** Explains each code and what to do about it, for people: the `type` of a problem links here (RFC 9457 3.1.1). */
export const problemPages = (app: App): void => {
  const config = { permission: 'public' } as const
  const tags = ['Problems']
  const response = { ...fileAnswer('text/html', 'A page'), ...problems }

  app.get('/problems', {
    config,
    schema: { tags, summary: 'List all problem codes', response },
    handler: async (_request, reply) => {
      const items = [...definedCodes.values()]
        .toSorted((one, other) => (one.code < other.code ? -1 : 1))
        .map(({ code, title }) => `<li><a href="/problems/${code}">${code}</a>: ${escapeHtml(title)}</li>`)
      return sendPage(reply.header('cache-control', CACHED), 'Problems', `<ul>\n${items.join('\n')}\n</ul>`)
    },
  })
  app.get('/problems/:code', {
    config,
    schema: {
      tags,
      summary: 'Explain a problem code',
      params: z.object({ code: z.string().describe('The `code` of a problem') }),
      response,
    },
    handler: async ({ params: { code } }, reply) => {
      const definition = definedCodes.get(code)
      if (!definition) throw new NotFound('problem', code)
      const lines = [
        `<code>${code}</code>`,
        inHtml(definition.meaning),
        `<b>What to do:</b> ${inHtml(definition.remedy)}`,
      ]
      const body = [...lines, '<a href="/problems">All problems</a>'].map((line) => `<p>${line}</p>`)
      return sendPage(reply.header('cache-control', CACHED), definition.title, body.join('\n'))
    },
  })
}
