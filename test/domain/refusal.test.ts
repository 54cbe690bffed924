import t from 'tap'
import { defineCode, definedCodes, defineRefusal, Refused } from '../../src/domain/refusal.ts'

const words = { title: 'Tea cold', meaning: 'The tea has gone cold.', remedy: 'Make a new pot.' }
const teaCold = defineRefusal('tea-cold', words)

t.test('a refusal speaks in the words of its definition', async (t) => {
  t.ok(teaCold() instanceof Refused)
  t.match(teaCold(), {
    name: 'Refused',
    code: 'tea-cold',
    message: words.meaning,
    remedy: words.remedy,
    details: null,
  })
  const { code, title, meaning, remedy } = teaCold
  t.same({ code, title, meaning, remedy }, { code: 'tea-cold', ...words })
})

t.test('an occasion has its own sentence and remedy, and data for programs', async (t) => {
  const occasion = { detail: 'The green tea is cold.', remedy: 'Heat it.', details: { celsius: 20 } }
  const { code, message, remedy, details } = teaCold(occasion)
  t.same({ code, detail: message, remedy, details }, { code: 'tea-cold', ...occasion })
})

t.test('a code has one definition', async (t) => {
  t.throws(() => defineRefusal('tea-cold', words), { message: 'The code tea-cold is defined twice' })
  t.throws(() => defineCode('tea-cold', words), { message: 'The code tea-cold is defined twice' })
  t.throws(() => defineCode('Tea cold', words), { message: 'The code Tea cold is not in kebab-case' })
  t.same(definedCodes.get('tea-cold'), { code: 'tea-cold', ...words })
})
