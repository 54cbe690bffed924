import pg from 'pg'
import type { RecordedEvent } from '../../../../domain/event.ts'
import { storable } from './cells.ts'

/** Data exceptions, broken constraints and exceeded limits (SQLSTATE classes 22, 23 and 54): trying again is no help. */
export const isAboutData = (error: unknown): error is pg.DatabaseError =>
  error instanceof pg.DatabaseError && /^(?:22|23|54)/.test(error.code ?? '')

const MAX_FAULT_CHARACTERS = 500

/**
 * What was thrown, in a form that may be kept and shown: class and message, without any word of the event's data that
 * got into it. The database's own messages quote rows, so of these there is the code, and what it is about.
 */
export const faultText = (thrown: unknown, { data }: Pick<RecordedEvent, 'data'>): string => {
  if (thrown instanceof pg.DatabaseError) {
    const about = [thrown.table, thrown.column, thrown.constraint].filter((name) => name !== undefined)
    return `The database refused a row: ${[`SQLSTATE ${thrown.code}`, ...about].join(', ')}`
  }
  if (!(thrown instanceof Error)) return 'The fold threw something that is not an error'
  const values = valuesIn(data)
  const isData = (word: string) =>
    values.some((value) => (word.length < 3 ? value === word : value.includes(word)))
  const message = thrown.message.replaceAll(/[\p{L}\p{N}]+/gu, (word) => (isData(word) ? '…' : word))
  return storable(`${thrown.name}: ${message}`.slice(0, MAX_FAULT_CHARACTERS))
}

/** Texts and numbers in some JSON, as texts. The names of its fields are not data. */
const valuesIn = (value: unknown): string[] =>
  typeof value === 'object' && value !== null ? Object.values(value).flatMap(valuesIn) : [String(value)]
