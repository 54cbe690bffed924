import type { Change } from '../domain/audit/changes.ts'
import { actorInWords, type Actor, type Json } from '../domain/event.ts'

type Replayed = {
  readonly type: string
  readonly summary: string
  readonly stream: string
  readonly revision: number
  readonly recordedAt: string
  readonly actor: Actor
  readonly changes: readonly Change[]
}

/** One event of a history for people: when, who, what happened, and what it changed. */
export const replayedLines = ({
  type,
  summary,
  stream,
  revision,
  recordedAt,
  actor,
  changes,
}: Replayed): string[] =>
  [
    `${recordedAt}  ${actorInWords(actor)}`,
    `  ${summary}`,
    `  ${type}, event ${revision} of ${stream}`,
    ...changes.map((change) => `    ${changeLine(stream, change)}`),
    '',
  ].map(oneLine)

const changeLine = (stream: string, change: Change): string => {
  const [, category, id, ...names] = change.path.split('/')
  // Where an event changes something else than what its stream is of, that is named.
  const of = `${category}-${id}` === stream ? '' : `${category}: `
  const name = `${of}${names.join('.') || 'everything'}`
  switch (change.op) {
    case 'add':
      return `${name}: ${shown(change.after)}`
    case 'replace':
      return `${name}: ${shown(change.before)} → ${shown(change.after)}`
    case 'remove':
      return `${name}: ${shown(change.before)} → nothing`
  }
}

const MOST = 160

const shown = (value: Json): string => {
  const text = JSON.stringify(value)
  return text.length > MOST ? `${text.slice(0, MOST)}… (${text.length} characters)` : text
}

/** What others wrote must not steer the terminal. */
const oneLine = (text: string): string => text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, ' ')
