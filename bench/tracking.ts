import { trackingTokens } from '../src/adapters/tracking/token.ts'
import { openUrl } from '../src/adapters/tracking/tracking-urls.ts'
import { loadKeyring } from '../src/adapters/vault/keyring.ts'
import { entityIdOfSource } from '../src/commands/handle.ts'
import { loadFromThread } from './load.ts'
import { inTurn, type Row } from './measure.ts'
import { benchService } from './service.ts'

const REQUESTS = 6000
const CONNECTIONS = 32
const MESSAGES = 500

export const tracking: Row = {
  name: 'tracking',
  what: 'a hit of a pixel, spooled to disk before the answer',
  ceilingWhat: 'an empty route of the same server',
  unit: 'requests/s',
  reach: 0.4,
  run: async (bench) => {
    const service = await benchService(bench)
    const { server, url } = service.app
    server.get('/empty', { config: { permission: 'public' }, handler: async () => '' })
    await service.start()
    const keyring = await loadKeyring({ value: null, file: `${service.folder}/keys.json` })
    const tokens = trackingTokens(keyring?.trackingKeys() ?? [])
    const pixels = Array.from({ length: MESSAGES }, (_, index) => {
      const token = tokens.sealOpen({ outgoingId: entityIdOfSource('out', String(index)), recipient: 0 })
      return new URL(openUrl(url, token)).pathname
    })
    const load = async (paths: readonly string[]) => {
      const { perSecond, statuses } = await loadFromThread({
        url,
        paths,
        requests: REQUESTS,
        connections: CONNECTIONS,
      })
      if (statuses[200] !== REQUESTS) throw new Error(`Answers: ${JSON.stringify(statuses)}`)
      return perSecond
    }
    const measured = await inTurn(
      bench.rounds,
      () => load(pixels),
      () => load(['/empty']),
    )
    await service.stop()
    return measured
  },
}
