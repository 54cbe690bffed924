import t from 'tap'
import { notifier } from '../../src/std/notifier.ts'

t.test('news wakes all who wait', async (t) => {
  const news = notifier()
  const waiting = [1, 2, 3].map(() => news.wait(news.count(), {}))
  news.notify()
  await Promise.all(waiting)
  t.equal(news.count(), 1)
})

t.test('a notification between looking and waiting is not missed', async () => {
  const news = notifier()
  const looked = news.count()
  news.notify()
  await news.wait(looked, {})
})

t.test('a wait ends with its timeout, and with an abort before or after it began', async (t) => {
  const news = notifier()
  const stop = new AbortController()
  await news.wait(news.count(), { ms: 1 })
  const waiting = news.wait(news.count(), { signal: stop.signal })
  stop.abort()
  await waiting
  await news.wait(news.count(), { ms: 600_000, signal: stop.signal })
  t.equal(news.count(), 0)
})
