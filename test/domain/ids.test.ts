import { randomUUID } from 'node:crypto'
import t from 'tap'
import { entityId, entityIdOfSource } from '../../src/commands/handle.ts'
import { idOf } from '../../src/domain/ids.ts'
import { outgoingIdIn } from '../../src/domain/sending/own-message-id.ts'

const fits = (schema: ReturnType<typeof idOf>, text: string): boolean => schema.safeParse(text).success

t.test('an id fits its own kind, and no other text does', async (t) => {
  const id = entityId('acc', randomUUID())
  t.ok(fits(idOf('acc'), id))
  t.ok(fits(idOf('acc'), entityIdOfSource('acc', 'some key')))
  t.notOk(fits(idOf('msg'), id))
  for (const wrong of [
    `${id}0`,
    ` ${id}`,
    `${id}\n`,
    id.slice(0, -1),
    id.toUpperCase(),
    `acc_${'u'.repeat(26)}`,
  ])
    t.notOk(fits(idOf('acc'), wrong), JSON.stringify(wrong))
})

t.test('a schema of several kinds takes each of them whole', async (t) => {
  const either = idOf('msg', 'out')
  const digits = '0'.repeat(26)
  for (const kind of ['msg', 'out']) t.ok(fits(either, `${kind}_${digits}`))
  for (const wrong of [`acc_${digits}`, `msg`, `xmsg_${digits}`, `out_${digits}x`])
    t.notOk(fits(either, wrong))
})

t.test('our own id is found in a Message-ID of ours alone', async (t) => {
  const id = entityId('out', randomUUID())
  t.equal(outgoingIdIn(`${id}@example.com`), id)
  for (const other of [id, `x${id}@example.com`, `${id}.x@example.com`, 'abc@example.com', ''])
    t.equal(outgoingIdIn(other), null, other)
})
