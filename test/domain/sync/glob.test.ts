import fc from 'fast-check'
import t from 'tap'
import { matchesGlob } from '../../../src/domain/sync/glob.ts'
import { runs } from '../../support/long-runs.ts'

/** The plain meaning, without care for cost: every way to give `*` its share is tried. */
const reference = (pattern: string, text: string): boolean => {
  if (pattern === '') return text === ''
  const [sign, rest] = [pattern[0], pattern.slice(1)]
  if (sign === '*')
    return Array.from({ length: text.length + 1 }, (_, taken) => text.slice(taken)).some((left) =>
      reference(rest, left),
    )
  return text !== '' && (sign === '?' || sign === text[0]) && reference(rest, text.slice(1))
}

t.test('a glob means what its plain definition means, whatever the case of its letters', async (t) => {
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', '@'), maxLength: 9 })
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '@'), maxLength: 12 })
  fc.assert(
    fc.property(pattern, text, fc.boolean(), (glob, subject, shout) => {
      const written = shout ? glob.toUpperCase() : glob
      return matchesGlob(written, subject) === reference(glob, subject)
    }),
    { numRuns: runs(8_000, 20_000) },
  )
  t.pass()
})

t.test('a hostile pattern and a hostile sender cost a bounded number of steps', async (t) => {
  const hostile = `${'*a'.repeat(126)}b`
  t.equal(matchesGlob(hostile, 'a'.repeat(320)), false, 'as an expression this runs for ever')
})
