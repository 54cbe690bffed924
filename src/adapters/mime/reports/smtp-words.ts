import { oneLine } from '../text.ts'

/** As much of a server's words as people read, and as fits into an event with a thousand recipients. */
const MAX_WORDS = 800

/** An enhanced status code (RFC 3463), but no part of an IP address, a version or a date. */
const STATUS = /(?<![\w.])#?([245]\.[0-7]\.\d{1,3})(?![\d]|\.\d)/g
const STATUS_AFTER_CODE = /(?<![\d.])[245]\d\d[ -]{0,3}[#(<[]?([245]\.[0-7]\.\d{1,3})(?![\d]|\.\d)/
const STATUS_OF_SENDERS_ADDRESS = /^[45]\.1\.[78]$/

/** Where servers put a reply code (RFC 5321 4.2), most reliable place first. */
const CODES = [
  /(?<![\d.])([45][0-57]\d)[ -]{1,3}[#(<[]?[245]\.\d\.\d/,
  /(?:^|\n|<<<|>>>)\s*([45][0-57]\d)(?=[ -])/,
  /(?:said|says|replied|responded|response(?: from the remote server)? was|returned|error_code|error code|error|reply|answer|code|reason|message|smtp)["']?\s*[:=(;,]*\s*["'(<[#]?\s*([45][0-57]\d)(?![\d.])/i,
  /[:;,>(["']\s*([45][0-57]\d)(?=[ \-:;)\]"',])/,
]

/** The first SMTP reply code in the text; null if there is none. */
export const codeIn = (words: string): number | null => {
  for (const form of CODES) {
    const code = form.exec(words)?.[1]
    if (code !== undefined) return Number(code)
  }
  return null
}

const isVague = (status: string): boolean => status.endsWith('.0')

/** The most telling enhanced status in the text: one after its reply code, or else the first that is not vague. */
export const statusIn = (words: string): string | null => {
  const behind = STATUS_AFTER_CODE.exec(words)?.[1]
  const all = [...words.matchAll(STATUS)].map(([, status = '']) => status)
  const failures = all.filter((status) => !status.startsWith('2'))
  const told = behind !== undefined && !behind.startsWith('2') ? [behind, ...failures] : failures
  return told.find((status) => !isVague(status)) ?? told[0] ?? all[0] ?? null
}

/**
 * Which of two statuses to trust: `field` is from the reporting server (RFC 3464 2.3.4), `said` is in the words of the
 * server that refused. The reporter's is often a stand-in: x.0.0, x.y.0, expired, "system", "no mailbox".
 */
export const betterStatus = (
  field: string | null,
  said: string | null,
  code: number | null,
): string | null => {
  if (field === null || said === null) return field ?? said
  if (field[0] !== said[0] && code !== null) {
    if (String(code)[0] === field[0]) return field
    if (String(code)[0] === said[0]) return said
  }
  if (isVague(said)) return field.endsWith('.0.0') && !said.endsWith('.0.0') ? said : field
  const standIn = isVague(field) || /^\d\.0\.|^4\.4\.7$|^5\.3\.|^5\.1\.1$/.test(field)
  return standIn && !STATUS_OF_SENDERS_ADDRESS.test(field) ? said : field
}

/** The words in one line for people, without transcript marks and ruled lines. */
export const tidy = (words: string): string | null =>
  oneLine(words.replaceAll(/^[ \t]*(?:<<<|>>>)[ \t]?|^[ \t]*[-_=*#]{4,}[ \t]*$/gm, ''), MAX_WORDS) || null
