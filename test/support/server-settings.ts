import type { ServerDeps } from '../../src/http/server/server.ts'

/** Settings of a server that stand in no test's way. */
export const serverSettings: Pick<ServerDeps, 'corsOrigins' | 'requestTimeoutMs' | 'limits'> = {
  corsOrigins: [],
  requestTimeoutMs: 30_000,
  limits: { requestsPerMinute: 1_000_000, failedSignInsPerMinute: 1000 },
}
