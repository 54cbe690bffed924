import { normaliseMessageId } from '../mail.ts'
import { classesOf, tokensOf, type Span } from '../templates/html-tokens.ts'
import {
  fill,
  noSignature,
  placesSignature,
  refuseMissing,
  refuseProblems,
  type Filled,
  type Located,
  type MissingValue,
  type VariableProblem,
  type Warning,
} from '../templates/render.ts'
import { SIGNATURE, type Values } from '../templates/variables.ts'
import { quotationsIn, startOfTrailingQuotation } from './quotation.ts'
import { isReplySubject } from './reply-prefix.ts'

export type Writing = {
  readonly draft: { readonly subject: string; readonly html: string }
  /** Compiled to HTML. A subject or body in the draft takes precedence over the template's. */
  readonly template: { readonly subject: string; readonly html: string } | null
  /** The account's signature as HTML; blank if it has none. */
  readonly signature: string
  readonly values: Values
  /** What is being replied to. */
  readonly parent: { readonly subject: string } | null
}

/** While `missing` or `problems` is not empty the email must not be sent; `refuseIncomplete` refuses it. */
export type Assembled = {
  readonly subject: string
  readonly html: string
  readonly missing: readonly Located<MissingValue>[]
  readonly problems: readonly Located<VariableProblem>[]
  readonly warnings: readonly Warning[]
}

/**
 * The subject and body of an email, with variables filled in. The signature appears once: where `{signature}` stands,
 * or else below the text (in a reply, above the quotation). Quoted text and the subject of the mail replied to are
 * other people's words, so no variables in them are filled in.
 */
export const assemble = (writing: Writing): Assembled => {
  const { draft, template, values, parent } = writing
  const written = draft.html.trim() === '' ? (template?.html ?? '') : draft.html
  const signature = fill(writing.signature, 'html', values)
  const source = writing.signature.trim() === '' ? written : withSignature(written, parent !== null)
  const quotations = parent ? quotationsIn(source) : []
  const placed = placesSignature(source, quotations)
  const signed = placed && writing.signature.trim() !== ''
  const subject = subjectOf(writing)
  const body = fill(source, 'html', values, {
    signature: signed ? `<div class="${SIGNATURE_CLASS}">${signature.text}</div>` : '',
    verbatim: quotations,
  })
  const parts = [
    located(subject, 'subject'),
    located(body, 'body'),
    ...(signed ? [located(signature, 'signature')] : []),
  ]
  return {
    subject: subject.text,
    html: body.text,
    missing: parts.flatMap(({ missing }) => missing),
    problems: parts.flatMap(({ problems }) => problems),
    warnings: placed && !signed ? [noSignature] : [],
  }
}

/**
 * @throws Refused `unknown-variable`, `misplaced-variable` or `variable-without-value`, each listing its variables in
 * the details
 */
export const refuseIncomplete = (assembled: Assembled): void => {
  refuseProblems(assembled.problems)
  refuseMissing(assembled.missing)
}

const located = (filled: Filled, where: 'subject' | 'body' | 'signature') => ({
  missing: filled.missing.map((variable) => ({ variable, where })),
  problems: filled.problems.map((problem) => ({ ...problem, where })),
})

const subjectOf = ({ draft, template, values, parent }: Writing): Filled => {
  if (draft.subject.trim() === '' && parent)
    return { text: replySubject(parent.subject), missing: [], problems: [] }
  return fill((draft.subject.trim() || template?.subject) ?? '', 'header', values)
}

/** Once encoded, longer subjects would exceed the line length limit (RFC 5322 2.1.1). */
const SUBJECT_LIMIT = 250

/** Prefixes `Re: ` once, whatever the language of earlier prefixes (RFC 5322 3.6.5). */
export const replySubject = (subject: string): string => {
  const clean = subject
    .toWellFormed()
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim()
  const short = clean.length > SUBJECT_LIMIT ? `${clean.slice(0, SUBJECT_LIMIT).toWellFormed()}…` : clean
  return isReplySubject(short) ? short : `Re: ${short}`.trim()
}

const SIGNATURE_CLASS = 'mailtrail-signature'

/** Adds `{signature}` where it belongs, unless the text already has a signature or a place for it. */
const withSignature = (html: string, isReply: boolean): string => {
  const quotations = isReply ? quotationsIn(html) : []
  if (placesSignature(html, quotations) || hasSignature(html, quotations)) return html
  const at = startOfTrailingQuotation(html, quotations) ?? endOfBody(html)
  return `${html.slice(0, at)}\n{${SIGNATURE}}${html.slice(at)}`
}

const hasSignature = (html: string, quotations: readonly Span[]): boolean =>
  tokensOf(html).some(
    (token) =>
      token.kind === 'start' &&
      classesOf(html, token.attributes).includes(SIGNATURE_CLASS) &&
      !quotations.some(({ start, end }) => token.start >= start && token.end <= end),
  )

const endOfBody = (html: string): number =>
  tokensOf(html).findLast((token) => token.kind === 'end' && token.name === 'body')?.start ?? html.length

/**
 * The headers that place a reply in its thread (RFC 5322 3.6.4). The parent's ids come from strangers: any that could
 * not stand in a header are left out.
 */
export const threading = (
  parent: { readonly messageId: string; readonly references: readonly string[] } | null,
): { inReplyTo: string | null; references: string[] } => {
  const own = parent ? normaliseMessageId(parent.messageId) : ''
  const before = (parent?.references ?? [])
    .map(normaliseMessageId)
    .filter((id) => isMessageId(id) && id !== own)
  if (!isMessageId(own)) return { inReplyTo: null, references: before }
  return { inReplyTo: own, references: [...new Set([...before, own])] }
}

const isMessageId = (id: string): boolean => id.length <= 500 && /^[\x21-\x3b\x3d\x3f-\x7e]+$/.test(id)
