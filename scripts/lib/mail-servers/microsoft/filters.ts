import { headerOf, messageIdOf, type GraphMessage } from './mailbox.ts'

type Test = (message: GraphMessage) => boolean

const HEADER_PROPERTY =
  /^singleValueExtendedProperties\/Any\(ep: ep\/id eq 'String \{00020386-0000-0000-C000-000000000046\} Name ([\w-]+)' and ep\/value eq '([^']*)'\)$/i
const RECEIVED = /^receivedDateTime (ge|gt|le|lt) (\S+)$/
const MESSAGE_ID = /^internetMessageId eq '((?:[^']|'')*)'$/

const testOf = (condition: string): Test | null => {
  const property = HEADER_PROPERTY.exec(condition)
  if (property !== null) return ({ raw }) => headerOf(raw, property[1]!) === property[2]
  const id = MESSAGE_ID.exec(condition)?.[1]?.replaceAll("''", "'")
  if (id !== undefined) return ({ raw }) => `<${messageIdOf(raw)}>` === id
  const [, compare, at] = RECEIVED.exec(condition) ?? []
  if (compare === undefined || at === undefined) return null
  const bound = new Date(at).getTime()
  return ({ receivedAt }) => {
    const ms = receivedAt.getTime()
    return compare === 'ge'
      ? ms >= bound
      : compare === 'gt'
        ? ms > bound
        : compare === 'le'
          ? ms <= bound
          : ms < bound
  }
}

/** What a `$filter` lets through; null if it is none that we know. */
export const filterOf = (filter: string | null): Test | null => {
  if (filter === null) return () => true
  const tests = filter.split(/ and (?![^(]*\))/).map(testOf)
  return tests.includes(null) ? null : (message) => tests.every((test) => test!(message))
}
