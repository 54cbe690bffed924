import t from 'tap'
import { nothingVisible, shows, visibility, visibilityUnder } from '../../src/domain/visibility.ts'

t.test('an account has what its owner chose, or the default, and never less than the floor', async (t) => {
  t.equal(visibilityUnder(nothingVisible, null), 'nothing')
  t.equal(visibilityUnder(nothingVisible, 'subject'), 'subject')
  const policy = { visibilityDefault: 'everything', visibilityFloor: 'metadata' } as const
  t.equal(visibilityUnder(policy, null), 'everything')
  t.equal(visibilityUnder(policy, 'subject'), 'subject')
  t.equal(visibilityUnder(policy, 'nothing'), 'metadata')
  t.equal(visibilityUnder({ ...policy, visibilityDefault: 'nothing' }, null), 'metadata')
})

t.test('each level shows what the one before it shows, and more', async (t) => {
  const shown = visibility.options.map((level) => visibility.options.filter((needed) => shows(level, needed)))
  t.same(
    shown.map(({ length }) => length),
    [1, 2, 3, 4],
  )
})
