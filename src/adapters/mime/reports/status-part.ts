import { decodeBytes } from '../charsets.ts'
import { instantIn } from '../dates.ts'
import { oneLine } from '../text.ts'
import { typedAddress, withoutXtext } from './addresses.ts'
import { betterStatus, codeIn, statusIn, tidy } from './smtp-words.ts'
import type { Notice, Part, ReportedRecipient } from './report.ts'

/** RFC 3464 and RFC 6533, the label in the first drafts of RFC 1894, and an invented one. */
const STATUS_TYPES = [
  'message/delivery-status',
  'message/global-delivery-status',
  'text/delivery-status',
  'message/delivery-notification',
]

/** As much of a status part as a thousand recipients need. */
const MAX_BYTES = 4 * 1024 * 1024

const OF_RECIPIENTS =
  'original-recipient|final-recipient|x-actual-recipient|action|status|remote-mta|diagnostic-code|last-attempt-date|final-log-id|will-retry-until'
const FIELD = /^([A-Za-z][\w-]{0,60})[ \t]*:(.*)$/s
const KNOWN = new RegExp(
  `^(?:${OF_RECIPIENTS}|reporting-mta|received-from-mta|dsn-gateway|arrival-date|original-envelope-id|x-.*)$`,
  'i',
)
/** Fields that a broken gateway has joined into one line. */
const GLUED = new RegExp(`(?<=\\S)[ \\t]+(?=(?:${OF_RECIPIENTS}):\\s)`, 'gi')
const RECIPIENT_FIELDS = ['final-recipient', 'original-recipient', 'x-actual-recipient']

type Block = Map<string, string>

const isStatusPart = ({ contentType }: Part): boolean => STATUS_TYPES.includes(contentType)

/** The lines of the text with folded ones joined, even if the fold lost its space; '' between blocks. */
const unfolded = (text: string): string[] => {
  const lines: string[] = []
  for (const line of text.split(/\r\n|\r|\n/)) {
    const name = FIELD.exec(line)?.[1]
    const before = lines.at(-1)
    const begins = name !== undefined && (KNOWN.test(name) || before === undefined || before === '')
    if (line.trim() === '' || begins || before === undefined || before === '') lines.push(line.trim())
    else lines[lines.length - 1] = `${before} ${line.trim()}`
  }
  return lines.flatMap((line) => (/^diagnostic-code/i.test(line) ? [line] : line.split(GLUED)))
}

/** Fields by block. A block ends at an empty line, or where another recipient follows without one. */
const blocksOf = (text: string): Block[] => {
  const blocks: Block[] = [new Map()]
  for (const line of unfolded(text)) {
    const [, written = '', value = ''] = FIELD.exec(line) ?? []
    const name = written.toLowerCase()
    const current = blocks.at(-1)
    if (line === '' || (RECIPIENT_FIELDS.includes(name) && current?.has(name))) blocks.push(new Map())
    if (name !== '' && !blocks.at(-1)?.has(name)) blocks.at(-1)?.set(name, value.trim())
  }
  return joined(blocks)
}

const namesRecipient = (block: Block): boolean => RECIPIENT_FIELDS.some((name) => block.has(name))

/** An extra empty line separates a recipient from what became of it. */
const joined = (blocks: readonly Block[]): Block[] => {
  const whole: Block[] = []
  for (const block of blocks) {
    const before = whole.at(-1)
    const continues = before !== undefined && namesRecipient(before) && !before.has('action')
    if (continues && !namesRecipient(block) && block.has('action'))
      whole[whole.length - 1] = new Map([...block, ...before])
    else whole.push(block)
  }
  return whole
}

const ACTIONS = ['failed', 'delayed', 'delivered', 'relayed', 'expanded'] as const

/** The action as stated, or as derived from the status if it is missing or misspelt. */
const actionOf = (block: Block): ReportedRecipient['action'] | null => {
  const word = (block.get('action') ?? '').toLowerCase()
  const named = ACTIONS.find((action) => word.startsWith(action))
  if (named) return named
  if (/^(?:fail|error|expired|bounced)/.test(word)) return 'failed'
  const status = block.get('status') ?? block.get('diagnostic-code') ?? ''
  const [kind] = /\b[245](?=\.\d{1,3}\.\d|\d\d\b)/.exec(status) ?? []
  if (kind === '5') return 'failed'
  if (kind === '4') return block.has('will-retry-until') ? 'delayed' : 'failed'
  return kind === '2' ? 'delivered' : null
}

/** What was said to the reporting server, without the type that precedes it (RFC 3464 2.3.6). */
const wordsOf = (block: Block): string =>
  (block.get('diagnostic-code') ?? '').replace(/^\s*[\w -]{1,20};\s*/, '')

const recipientOf = (block: Block): ReportedRecipient | null => {
  const action = actionOf(block)
  const addresses = ['original-recipient', 'final-recipient', 'x-actual-recipient']
    .map((name) => typedAddress(block.get(name) ?? ''))
    .filter((address) => address !== '')
  const [address] = [...addresses.filter((each) => each.includes('@')), ...addresses]
  if (address === undefined || action === null) return null
  const words = wordsOf(block)
  const field = /\b[245]\.\d{1,3}\.\d{1,3}\b/.exec(block.get('status') ?? '')?.[0] ?? null
  const code = codeIn(`${words}\n${block.get('status') ?? ''}`)
  const others = [...addresses, withoutXtext(address)].filter((each) => each !== address)
  return {
    address,
    otherAddresses: [...new Set(others)],
    action,
    status: betterStatus(field, statusIn(words), code),
    code,
    diagnostic: tidy(words),
    remoteMta: oneLine((block.get('remote-mta') ?? '').replace(/^[^;]*;/, ''), 255) || null,
    retryUntil: instantIn(block.get('will-retry-until') ?? ''),
  }
}

/** How a text looks to a reader that only knows fields: each recipient on its own. */
const recipientsInFields = (text: string): ReportedRecipient[] =>
  blocksOf(text)
    .filter((block) => namesRecipient(block))
    .map(recipientOf)
    .filter((recipient) => recipient !== null)

/**
 * What the status part of a report says about each recipient (RFC 3464, RFC 6533), wherever it is in the mail. If a
 * gateway turned the parts into text, its fields are searched for there.
 */
export const recipientsInParts = ({ parts, lines }: Notice): ReportedRecipient[] => {
  const found = parts
    .filter(isStatusPart)
    .flatMap(({ content }) =>
      recipientsInFields(decodeBytes(Buffer.from(content.subarray(0, MAX_BYTES)), '')),
    )
  if (found.length > 0) return found
  const first = lines.findIndex((line) =>
    /^(?:final|original)-recipient:|^reporting-mta:|^action: *failed/i.test(line),
  )
  return first === -1 ? [] : recipientsInFields(lines.slice(first).join('\n'))
}

export const hasStatusPart = (parts: readonly Part[]): boolean => parts.some(isStatusPart)
