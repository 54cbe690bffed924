import pg from 'pg'
import type { RecordedEvent } from '../../../../domain/event.ts'
import { storable } from './cells.ts'

/**
 * Data exceptions, integrity violations and exceeded limits (SQLSTATE classes 22, 23 and 54): retrying does not help.
 */
export const isAboutData = (error: unknown): error is pg.DatabaseError =>
  error instanceof pg.DatabaseError && /^(?:22|23|54)/.test(error.code ?? '')

const MAX_FAULT_CHARACTERS = 500

/**
 * What was thrown, in a form that may be stored and shown: class and message, without any of the event's data. The
 * database's own messages quote rows, so they are reduced to the code and the names concerned.
 */
export const faultText = (thrown: unknown, { data }: Pick<RecordedEvent, 'data'>): string => {
  if (thrown instanceof pg.DatabaseError) {
    const about = [thrown.table, thrown.column, thrown.constraint].filter((name) => name !== undefined)
    return `The database refused a row: ${[`SQLSTATE ${thrown.code}`, ...about].join(', ')}`
  }
  if (!(thrown instanceof Error)) return 'The fold threw a value that is not an Error'
  const values = valuesIn(data)
  const isData = (word: string) =>
    values.some((value) => (word.length < 3 ? value === word : value.includes(word)))
  const message = thrown.message.replaceAll(/[\p{L}\p{N}]+/gu, (word) => (isData(word) ? '…' : word))
  return storable(`${thrown.name}: ${message}`.slice(0, MAX_FAULT_CHARACTERS))
}

/** All strings and numbers in the JSON, as strings. Field names are not data. */
const valuesIn = (value: unknown): string[] =>
  typeof value === 'object' && value !== null ? Object.values(value).flatMap(valuesIn) : [String(value)]
