import { first, mailboxesIn, type HeaderField } from '../header-fields.ts'
import { ADDRESS, plainAddress } from './addresses.ts'
import { FORMS, type Form } from './forms.ts'
import { codeIn, statusIn } from './smtp-words.ts'
import { toldOf, type Notice, type ReportedRecipient } from './report.ts'

/** A notice is short; anything longer is something else, and searching it takes time. */
const MAX_LINES = 400
const MAX_LINE = 2000
/** This many lines after a recipient are about it. */
const MAX_BLOCK = 24

type Told = { address: string; words: string[] }

/** A recipient at the beginning of a line: alone, marked, in brackets or quotes, followed by what is said about it. */
const AT_START = new RegExp(
  String.raw`^[ \t]*(?:[>*•·-]+[ \t]+|\d{1,3}[.)][ \t]+)?(?:["'])?<?(${ADDRESS})>?(?:["'])?(?:[ \t]*[<(\[](?:mailto:)?${ADDRESS}[>)\]])?[ \t]*(?:$|(?=\.\.\.)|[:;,]|(?=[(\[{])|(?= on \w{3}| - | at \d)|[ \t]+)(.*)$`,
  'iu',
)
/** A reply that names the recipient itself: `550 5.1.1 <bob@example.org>... User unknown`. */
const IN_REPLY = new RegExp(
  String.raw`^[ \t]*(?:<<<[ \t]*)?([45]\d\d[ -].{0,20}?<?(${ADDRESS})>?(?:\.\.\.|[:,]| ).*)$`,
  'iu',
)
/** A label, or the end of a sentence, before the recipient. */
const LABELLED = new RegExp(
  String.raw`(?<![\p{L}\p{N}._])(?:recipients?(?: addresse?s?)?|rcpt to|e?-?mail addresse?s?|address(?:ee)?|to|user|mailbox|for|account|userid|smtp|empfänger|destinataires?|destinatari[oa]s?|кому|получател\S{1,3}|宛先|收件人)["']?(?:(?: \w{1,12}){0,2}[ \t]*[:=：][ \t]*|[ \t]+)["'<(\[]{0,2}(?:mailto:)?(${ADDRESS})`,
  'giu',
)
/** Lines that name somebody else: the sender, or whom to ask. */
const OF_OTHERS =
  /^[ \t]*(?:>>>[ \t]*)?mail from:|\b(?:contact|assistance|help|questions?|abuse|report this|reply to|forward|please (?:contact|send|e-?mail)|from|sender|envelope-from)\b[^<@]{0,40}[<"']?[^\s<>"']{0,64}@/i

const isServices = (address: string): boolean =>
  /^(?:postmaster|mailer-daemon|abuse|noc|hostmaster)@/i.test(address)

/** The recipients at the beginning of lines, each with the lines up to the next one. */
const atLineStarts = (lines: readonly string[], form: Form | null): Told[] => {
  const told: Told[] = []
  for (const line of lines) {
    const own = form?.recipient === undefined ? null : form.recipient.exec(line)
    const start = own ?? (OF_OTHERS.test(line) ? null : AT_START.exec(line))
    const current = told.at(-1)
    if (start) told.push({ address: plainAddress(start[1] ?? ''), words: [(start[2] ?? '').trim()] })
    else if (current && current.words.length < MAX_BLOCK) current.words.push(line.trim())
  }
  return told
}

const inReplies = (lines: readonly string[]): Told[] =>
  lines.flatMap((line) => {
    const [, words = '', address = ''] = IN_REPLY.exec(line) ?? []
    return address === '' ? [] : [{ address: plainAddress(address), words: [words] }]
  })

/** A label is followed by the reason, on the same line or the next ones. */
const labelled = (lines: readonly string[]): Told[] =>
  lines.flatMap((line, at) => {
    if (OF_OTHERS.test(line)) return []
    const below = lines.slice(at + 1, at + 3)
    const end = below.findIndex((next) => next.trim() === '' || next.includes('@'))
    const words = [line, ...(end === -1 ? below : below.slice(0, end))]
    return [...line.matchAll(LABELLED)].map(([, address = '']) => ({
      address: plainAddress(address),
      words: [...words],
    }))
  })

const key = (address: string): string => address.toLowerCase()

/** One entry per recipient, with the words from all its places. */
const merged = (told: readonly Told[]): Told[] => {
  const all = new Map<string, Told>()
  for (const { address, words } of told) {
    const before = all.get(key(address))
    if (before) before.words.push(...words)
    else all.set(key(address), { address, words: [...words] })
  }
  return [...all.values()]
}

/** A line with a server's answer or a reason. */
const TELLS =
  /\b[45]\d\d[ -]|[45]\.\d\.\d{1,3}\b|unknown|not (?:found|exist|known|listed)|full|quota|exceed|reject|refus|denied|disabled|invalid|timed? ?out|expired|unreachable|no such|blocked|too (?:large|big|long)|unable|cannot|could not|failed|error/i

/**
 * What the whole notice says about a recipient: the lines that name it and those below them, or all lines if it is the
 * only one.
 */
const wordsAbout = (lines: readonly string[], recipient: Told, alone: boolean): string => {
  const own = recipient.words.join('\n')
  if (statusIn(own) !== null) return own
  const naming = lines.flatMap((line, at) =>
    line.toLowerCase().includes(key(recipient.address)) ? lines.slice(at, at + 4) : [],
  )
  const details = [...(alone ? lines : naming)].filter((line) => TELLS.test(line))
  const replies = details.filter((line) => codeIn(line) !== null || statusIn(line) !== null)
  if (codeIn(own) !== null)
    return [own, ...replies.filter((line) => statusIn(line) !== null && agrees(own, line))].join('\n')
  if (replies.length > 0) return [...(TELLS.test(own) ? [own] : []), ...replies].join('\n')
  const told = own.trim() === '' || !TELLS.test(own) ? [own, ...details].join('\n') : own
  return told.trim() === '' && alone ? firstWords(lines) : told
}

/** The beginning of a notice in which nothing looks like a reason. */
const firstWords = (lines: readonly string[]): string =>
  lines
    .filter((line) => line.trim() !== '')
    .slice(0, 6)
    .join('\n')

/** Both replies are of the same class, permanent or not. */
const agrees = (one: string, other: string): boolean => String(codeIn(one))[0] === statusIn(other)?.[0]

const DELAYED =
  /(?:this is a )?warning (?:message )?only|has been postponed|delivery attempts will continue|(?:do not|don't) need to re-?send|has been delayed|delivery (?:is|was) delayed|message is delayed|(?:has )?not yet been delivered|will (?:be retried|keep trying|continue (?:to )?(?:try|attempt|be))|still (?:being retried|trying)|no action is required|temporary failure report|could ?not send (?:message|mail) for past|noch nicht zugestellt|weiterhin versuch|sera (?:à nouveau )?réessay|se seguirá intentando/i
const GIVEN_UP =
  /permanent(?:ly)? (?:error|fail|fatal)|given up|giving up|not going to try again|has been in the queue too long|returned to sender/i

const actionOf = (text: string, form: Form | null): 'failed' | 'delayed' =>
  (form?.delayed?.test(text) || DELAYED.test(text)) && !GIVEN_UP.test(text) ? 'delayed' : 'failed'

const between = (lines: readonly string[], form: Form | null): readonly string[] => {
  if (form === null) return lines
  const said = lines.findIndex((line) => form.says.test(line.trim()))
  const begins = form.begins === undefined ? -1 : lines.findIndex((line) => form.begins?.test(line.trim()))
  const start = begins === -1 ? said : begins
  const rest = lines.slice(Math.max(0, start))
  const end = rest.findIndex((line, at) => at > 0 && form.ends?.test(line.trim()))
  return end === -1 ? rest : rest.slice(0, end)
}

const formOf = (lines: readonly string[]): Form | null =>
  FORMS.find(({ says }) => lines.some((line) => says.test(line.trim()))) ?? null

/** Failure phrases that no form has: a mail system that uses one is reporting. */
const FAILURE =
  /(?:could ?n[o']t|can ?n[o']t|cannot|not|un?able to|impossible to|failed to|failure to) (?:be )?(?:re)?deliver|un?deliver(?:able|ed)|delivery (?:to .{1,80} )?(?:has )?(?:fail|error|abort|not)|(?:was|were|has been|been) (?:rejected|refused|returned|bounced)|(?:user|recipient|mailbox|address|account|host|domain)(?: name| address)? (?:is )?(?:un ?known|not (?:found|exist|recognized)|full|disabled|unavailable|rejected|does ?n[o']t exist)|no (?:such )?(?:user|mailbox|recipient|address)\b|(?:user|recipient|address|account) (?:is )?not (?:known|recogni[sz]ed|listed)|has failed|failed due|(?:disk|over|storage) ?(?:space|quota)|not enough|not been delivered|(?:was|been) blocked|(?:mailbox|quota|inbox).{0,30}(?:full|exceed)|permanent (?:error|failure)|error (?:occurred|while|sending|delivering)|(?:nicht|konnte) .{0,60}(?:zugestellt|zustell)|unzustellbar|n'a pas pu être|non (?:remis|distribué)|no (?:se )?(?:ha podido|pudo|puede) .{0,20}entreg|impossibile (?:recapit|consegn)|kon niet worden|não (?:foi possível|pôde)|не (?:может быть |было |удалось )?достав|送信でき|配信でき|届けられ|届きませ|無法|无法|退信|退回|^\s*(?:<<<\s*)?5\d\d[ -]/im

const THROUGH = new RegExp(`(?:generated|expanded) (?:from|by)[: ]+<?(${ADDRESS})`, 'iu')

/** An alias leads to others: the original address is named after them. */
const throughAlias = (recipient: ReportedRecipient, words: readonly string[]): ReportedRecipient => {
  const alias = THROUGH.exec(words.join(' '))?.[1]
  if (alias === undefined || recipient.address === null) return recipient
  return { ...recipient, address: plainAddress(alias), otherAddresses: [recipient.address] }
}

/**
 * What the text of a notice says about each recipient; null if it mentions no failure at all. `known` are those named
 * elsewhere: in X-Failed-Recipients, or the recipient of the returned mail.
 */
export const recipientsInText = (notice: Notice, known: readonly string[]): ReportedRecipient[] | null => {
  const { lines: all, fields, titled } = notice
  const lines = all.slice(0, MAX_LINES).map((line) => line.slice(0, MAX_LINE))
  const text = lines.join('\n')
  const form = formOf(lines)
  const said = form !== null || FAILURE.test(text) || first(fields, 'x-failed-recipients') !== ''
  const told = toldIn(lines, form, notice, known)
  if (!said && !(titled && (told.length > 0 || isReportType(fields)))) return null
  const action = actionOf(text, form)
  if (told.length === 0) return [toldOf(null, action, lines.filter((line) => TELLS.test(line)).join('\n'))]
  return told.map((each) =>
    throughAlias(toldOf(each.address, action, wordsAbout(lines, each, told.length === 1)), each.words),
  )
}

const isReportType = (fields: readonly HeaderField[]): boolean =>
  /report-type="?delivery-status/i.test(first(fields, 'content-type'))

/** An address after a colon at the end of a line, whatever precedes it. */
const AT_END = new RegExp(String.raw`[:：][ \t]*<?(${ADDRESS})>?[ \t.]*$`, 'iu')

const atLineEnds = (lines: readonly string[]): Told[] =>
  lines.flatMap((line) => {
    const address = THROUGH.exec(line)?.[1] ?? (OF_OTHERS.test(line) ? undefined : AT_END.exec(line)?.[1])
    return address === undefined ? [] : [{ address: plainAddress(address), words: [line] }]
  })

const toldIn = (
  lines: readonly string[],
  form: Form | null,
  { fields, quoted }: Notice,
  known: readonly string[],
): Told[] => {
  const section = between(lines, form)
  const ours = [
    ...mailboxesIn(fields, 'to'),
    ...['from', 'return-path', 'sender'].flatMap((name) => mailboxesIn(quoted, name)),
  ]
  const senders = new Set(ours.map(({ address }) => key(address)))
  const isKnown = ({ address }: Told): boolean => known.some((each) => key(each) === key(address))
  const others = (told: readonly Told[]): Told[] =>
    told.filter((each) => isKnown(each) || !senders.has(key(each.address)))
  const ways = [
    atLineStarts(section, form),
    atLineStarts(lines, form),
    inReplies(lines),
    labelled(section),
    labelled(lines),
    atLineEnds(lines),
  ]
  const found = ways
    .map((told) => merged(others(told).filter(({ address }) => !isServices(address))))
    .find((told) => told.length > 0)
  return found ?? known.map((address) => ({ address, words: [] }))
}
