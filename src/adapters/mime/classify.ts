import type { ParsedMail } from '../../commands/ports/parser.ts'
import { first, type HeaderField } from './header-fields.ts'

/** How answering machines of large systems begin their subjects, for those that mark nothing in the header. */
const AUTOMATIC_SUBJECT =
  /^(?:automatic reply|automatische antwort|réponse automatique|respuesta automática|risposta automatica|resposta automática|automatisch antwoord|automatiskt svar|autosvar|automaattinen vastaus|odpowiedź automatyczna|автоответ|自動応答|自动答复|out of office)\s*[::]/iu

/** Mail that no person wrote to this recipient (RFC 3834, and what came before and beside it); null for all other. */
export const automaticOf = (fields: readonly HeaderField[], subject: string): ParsedMail['automatic'] => {
  const has = (name: string): boolean => fields.some((field) => field.name === name)
  const word = (name: string): string => first(fields, name).toLowerCase()
  if (/^multipart\/report\b/i.test(first(fields, 'content-type'))) return 'report'
  const daemon = /(?:^|[<\s"])(?:mailer-daemon|postmaster)@/i.test(first(fields, 'from'))
  if (daemon && (/^<\s*>/.test(first(fields, 'return-path')) || has('x-failed-recipients'))) return 'report'
  const submitted = word('auto-submitted')
  if (/^auto-replied\b/.test(submitted) || AUTOMATIC_SUBJECT.test(subject)) return 'auto-reply'
  if (has('x-autoreply') || has('x-autorespond') || word('precedence') === 'auto_reply') return 'auto-reply'
  const machine = (submitted !== '' && !/^no\b/.test(submitted)) || has('x-auto-response-suppress')
  if (machine && has('in-reply-to')) return 'auto-reply'
  if (has('list-id') || word('precedence') === 'list') return 'list'
  if (machine || has('list-unsubscribe') || /^(?:bulk|junk)$/.test(word('precedence'))) return 'bulk'
  return null
}
