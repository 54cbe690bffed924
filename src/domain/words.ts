// What sentences about events are made of.

const MOST = 200

/** On one line, and cut: what others wrote may be as long as they like. */
const cut = (text: string): string => {
  const line = text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim()
  return line.length > MOST ? `${line.slice(0, MOST)}…` : line
}

/** A subject in quotation marks. */
export const quoted = (subject: string): string =>
  cut(subject) === '' ? '(no subject)' : `“${cut(subject)}”`

/** `: the reason`, behind what happened; nothing if there is none. */
export const because = (reason: string | null | undefined): string =>
  cut(reason ?? '') === '' ? '' : `: ${cut(reason ?? '')}`

const FEW = 5

/** Addresses, or how many there are behind the first. */
export const listed = (addresses: readonly string[]): string => {
  const first = addresses.slice(0, FEW).join(', ')
  return addresses.length > FEW ? `${first} and ${addresses.length - FEW} more` : first
}
