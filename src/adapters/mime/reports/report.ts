import type { DeliveryStatus } from '../../../commands/ports/parser.ts'
import type { HeaderField } from '../header-fields.ts'
import { betterStatus, codeIn, statusIn, tidy } from './smtp-words.ts'

/** A part as far as reports need it. */
export type Part = { readonly contentType: string; readonly content: Uint8Array }

export type ReportedRecipient = DeliveryStatus['recipients'][number]

/**
 * A mail that a mail system may have written: `lines` are its own words, above anything quoted; `quoted` is the header
 * of the mail that it returns.
 */
export type Notice = {
  readonly fields: readonly HeaderField[]
  /** The title says that something was not delivered. */
  readonly titled: boolean
  readonly lines: readonly string[]
  readonly parts: readonly Part[]
  readonly quoted: readonly HeaderField[]
}

/** What is said about a recipient in words alone. */
export const toldOf = (
  address: string | null,
  action: ReportedRecipient['action'],
  words: string,
): ReportedRecipient => {
  const code = codeIn(words)
  return {
    address,
    otherAddresses: [],
    action,
    status: betterStatus(null, statusIn(words), code),
    code,
    diagnostic: tidy(words),
    remoteMta: null,
    retryUntil: null,
  }
}
