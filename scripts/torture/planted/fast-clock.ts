import { createApp as realApp } from '../../../src/app.ts'

export const createApp: typeof realApp = (parts) =>
  realApp({ ...parts, clock: () => new Date(Date.now() + 3000) })
