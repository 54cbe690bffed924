import { openSpool as realSpool } from '../../../src/adapters/tracking/spool.ts'

export const openSpool: typeof realSpool = (options) => {
  const spool = realSpool(options)
  return { ...spool, record: (hit) => void setTimeout(() => spool.record(hit), 500) }
}
