import type { FastifyReply } from 'fastify'
import { escapeHtml } from '../../domain/templates/contextual-escaping.ts'

/** Text between backticks is code. */
export const inHtml = (text: string): string =>
  escapeHtml(text).replaceAll(/&#96;(.+?)&#96;/g, '<code>$1</code>')

/** A page for people: text alone, so it may load nothing, run nothing and be framed nowhere. `body` is HTML. */
export const sendPage = (reply: FastifyReply, title: string, body: string): FastifyReply =>
  reply
    .type('text/html; charset=utf-8')
    .header(
      'content-security-policy',
      "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    )
    .send(page(title, body))

const page = (title: string, body: string): string => `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${escapeHtml(title)} · Mailtrail</title></head>
<body>
<h1>${escapeHtml(title)}</h1>
${body}
</body>
</html>
`
