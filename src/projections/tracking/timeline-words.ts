import type { Reason } from '../../domain/tracking/classify-hit.ts'

/** 'First open', '2nd open', '3rd open', '11th open', '21st open'. */
export const openNumber = (number: number): string => {
  if (number === 1) return 'First open'
  const tens = number % 100
  const ending = tens >= 11 && tens <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][number % 10] ?? 'th')
  return `${number}${ending} open`
}

/** A name for a link: the file it leads to, or else the words that were clicked, or else its host. */
export const linkLabel = ({ url, text }: { readonly url: string; readonly text: string }): string => {
  const parsed = URL.parse(url)
  const last = parsed?.pathname.split('/').at(-1) ?? ''
  const file = /^[^.].*\.(?!html?$|php$|aspx?$|jsp$)[a-z][a-z0-9]{1,4}$/i.test(last) ? decoded(last) : ''
  return file || text || parsed?.hostname || url
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    // A stray percent sign.
    return text
  }
}

const REASONS: Readonly<Record<Reason, string>> = {
  person: 'by a person',
  repeat: 'again within 30 seconds',
  held: 'waiting 15 seconds to see whether a scanner is at work',
  own: 'by one of our own people',
  'not-a-get': 'by a program that only looked',
  prefetch: 'fetched ahead, before anybody read it',
  'known-agent': 'by a known program',
  'privacy-proxy': 'by a privacy proxy, which fetches every picture',
  'before-acceptance': 'before the email was handed over, so by a scanner',
  'too-soon': 'within two seconds of sending, so by a scanner',
  burst: 'together with many links at once, so by a scanner',
  pair: 'by a check just before a click',
  'no-agent': 'by something that does not say what it is',
}

/** The reason for a verdict, in words that can follow it: 'Opened, by a person'. */
export const reasonWords = (reason: Reason): string => REASONS[reason]
