import type { DeliveryStatus } from '../../../commands/ports/parser.ts'
import { idIn } from '../message-ids.ts'
import { plainAddress } from './addresses.ts'
import { betterStatus, codeIn, statusIn, tidy } from './smtp-words.ts'

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined
const textIn = (value: unknown, name: string): string => {
  const field = fieldOf(value, name)
  return typeof field === 'string' ? field : ''
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/**
 * A bounce that Amazon SES reports in JSON by email subscription (SES Developer Guide, "Amazon SNS notification
 * contents"); null for anything else.
 */
export const notificationIn = (lines: readonly string[]): DeliveryStatus | null => {
  const end = lines.indexOf('--')
  const text = (end === -1 ? lines : lines.slice(0, end)).join('').trim()
  const told = text.startsWith('{"') ? parsed(text) : null
  const bounce = fieldOf(told, 'bounce')
  const bounced = fieldOf(bounce, 'bouncedRecipients')
  if (!Array.isArray(bounced)) return null
  const mail = fieldOf(told, 'mail')
  const headers = fieldOf(mail, 'commonHeaders')
  return {
    originalMessageId: idIn(textIn(headers, 'messageId')) || idIn(textIn(mail, 'messageId')) || null,
    originalTrailId: null,
    recipients: bounced.map((each: unknown) => {
      const words = textIn(each, 'diagnosticCode').replace(/^smtp;\s*/i, '')
      const code = codeIn(words)
      return {
        address: plainAddress(textIn(each, 'emailAddress')) || null,
        otherAddresses: [],
        action: 'failed' as const,
        status: betterStatus(statusIn(textIn(each, 'status')), statusIn(words), code),
        code,
        diagnostic: tidy(words),
        remoteMta: null,
        retryUntil: null,
      }
    }),
  }
}
